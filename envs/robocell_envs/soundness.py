"""Actions, rewards and observations that are no numbers stop an episode: what learned from them would be lost."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robocell_controller.contract import ACTION_NAMES, ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.path.observer import FEATURES

_EXPECTED = f"shape ({ACTION_SIZE},) of real numbers: {', '.join(ACTION_NAMES)}"
_NUMBERS = "fiu"  # kinds of NumPy's types that are real numbers


def checked_action(action: npt.ArrayLike, seed: int | None, step: int) -> npt.NDArray[np.floating]:
    """The action as an array [5] of finite numbers; those beyond [-1, 1] are left to the control path, which clips.

    Args:
        action: what was handed to the environment.
        seed: as in :func:`check_finite`.
        step: that the action is for.

    Raises:
        InputError: another shape, or no real numbers.
        FloatingPointError: which entry is not finite, in which step, after which seed.
    """
    try:
        values = np.asarray(action)
    except ValueError as error:
        raise InputError("action", f"{type(action).__name__}: {error}", _EXPECTED) from error
    if values.shape != (ACTION_SIZE,) or values.dtype.kind not in _NUMBERS:
        raise InputError("action", f"shape {values.shape} of {values.dtype}", _EXPECTED)
    if not math.isfinite(sum(values.tolist())):  # a fifth of what NumPy takes for so few
        _check_numbers({f"action {name}": value for name, value in zip(ACTION_NAMES, values, strict=True)}, seed, step)
    return values


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
    _check_numbers(named, seed, step)


def _check_numbers(named: dict[str, float], seed: int | None, step: int) -> None:
    wrong = [f"{name} is {value}" for name, value in named.items() if not math.isfinite(value)]
    if wrong:
        raise FloatingPointError(f"scenario seed {seed}, step {step}: {', '.join(wrong)}; expected finite numbers")
