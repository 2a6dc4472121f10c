"""The filtered policy: as much of an action as the guard lets pass, before anything takes the policy's place."""

from __future__ import annotations

from collections.abc import Callable

from robocell_controller.contract import Array

_HALVINGS = 4  # of the interval between stop and action: to a sixteenth


def scaled(action: Array, share: float) -> Array:
    """The action [5] with ``share`` of its motion and all of its gripper command."""
    result = action.copy()
    result[:4] *= share
    return result


def filtered(action: Array, accepts: Callable[[Array], bool]) -> tuple[Array, float]:
    """The largest share of an action's motion that ``accepts`` takes, by bisection; 0 if it takes none.

    Args:
        action: finite, [5].
        accepts: whether the guard would let an action pass.

    Returns:
        The action to send and the share, 1 for the action as it is.
    """
    if accepts(action):
        return action, 1.0
    taken, refused = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (taken + refused)
        taken, refused = (middle, refused) if accepts(scaled(action, middle)) else (taken, middle)
    return scaled(action, taken), taken
