"""Rewards and observations that are no numbers stop an episode at once: what learned from them would be lost."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robocell_controller.path.observer import FEATURES


def check_finite(observation: npt.NDArray[np.float32], terms: dict[str, float], seed: int | None, step: int) -> None:
    """Lets finite numbers pass.

    Args:
        observation: [observation], of :data:`robocell_controller.path.observer.FEATURES`.
        terms: of the reward, by name.
        seed: of the last scenario that was drawn; None before any.
        step: of the part's cycle, from 1 on; 0 is the reset.

    Raises:
        FloatingPointError: which entry or term is not finite, in which step, after which seed.
    """
    if np.isfinite(observation).all() and math.isfinite(sum(terms.values())):
        return
    named = {f"observation {feature.name}": value for feature, value in zip(FEATURES, observation, strict=True)}
    named |= {f"reward term {name}": value for name, value in terms.items()}
    wrong = [f"{name} is {value}" for name, value in named.items() if not math.isfinite(value)]
    raise FloatingPointError(f"scenario seed {seed}, step {step}: {', '.join(wrong)}; expected finite numbers")
