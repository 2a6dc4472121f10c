"""The training envelope: a box around the observations that a policy has learned from; outside, it only guesses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Envelope:
    """A box per feature. Stateless."""

    def __init__(self, lower: npt.ArrayLike, upper: npt.ArrayLike) -> None:
        """Takes the bounds, both [features], in the units of the observation.

        Raises:
            ValueError: they are not two vectors of one length, or a lower one is not below or at its upper.
        """
        self._lower, self._upper = np.array(lower), np.array(upper)
        if self._lower.ndim != 1 or self._lower.shape != self._upper.shape:
            raise ValueError(f"an envelope of shapes {self._lower.shape} and {self._upper.shape}")
        if not (self._lower <= self._upper).all():
            raise ValueError("an envelope's lower bounds to be at most its upper ones")

    def outside(self, observation: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
        """Indices of the features outside the box, NaN among them; all of them if the shape is wrong."""
        if observation.shape != self._lower.shape:
            return np.arange(len(self._lower))
        return np.flatnonzero(~((observation >= self._lower) & (observation <= self._upper)))
