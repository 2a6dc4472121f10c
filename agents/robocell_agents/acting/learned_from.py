"""What a model has learned from: Stable-Baselines3 saves the last observations with it."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_controller.path.observer import BOUNDS, FEATURES, OBSERVATION_SIZE

_NAMES = [feature.name for feature in FEATURES]
_FINE = [_NAMES.index(name) for name in _NAMES if "_fine" in name]
_COARSE = [_NAMES.index(_NAMES[fine].replace("_fine", "")) for fine in _FINE]
_RATIO = [FEATURES[coarse].scale / FEATURES[fine].scale for coarse, fine in zip(_COARSE, _FINE, strict=True)]
_ROUNDING = 1e-4


def learned_from_others(model: BaseAlgorithm) -> bool:
    """Whether a model has learned from other numbers than the cell's observation, as it does behind a normaliser.

    The cell's own keep their bounds, and say each distance twice: coarse and, where that is not clipped, finer. Of a
    model that has learned nothing, or from something else in another shape, there is nothing to be told.
    """
    last = model._last_obs
    if not isinstance(last, np.ndarray) or last.shape[-1] < OBSERVATION_SIZE:
        return False
    own = last[..., :OBSERVATION_SIZE]  # what a privileged critic sees comes behind it
    fine = np.clip(own[..., _COARSE] * _RATIO, -BOUNDS[_FINE], BOUNDS[_FINE])
    return bool((np.abs(own) > BOUNDS).any()) or not np.allclose(own[..., _FINE], fine, atol=_ROUNDING)
