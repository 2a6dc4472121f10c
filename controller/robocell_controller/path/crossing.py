"""Crossing what else stands in the cell: high enough, or not at all.

Whoever acts: away from where it takes a part up or puts it down, the hand and what it holds travel above the height
that the recipe tells of the other parts and walls. Programs plan their ways so; a policy that has learned with one part
at a time knows of none.
"""

from __future__ import annotations

import math

from robocell_controller.path.estimator import View
from robocell_controller.record import record

FINGER_TIPS = 0.009  # m below the TCP
ROOM = 0.010  # m kept over other parts; half of it must be there before the hand crosses them
_NEAR = 0.025  # m sideways from the part to be taken up, or from its place: there the hand may go down


@record(frozen=True, slots=True)
class Crossing:
    """What the cell leaves of an action.

    Attributes:
        floor: least height to go down to, of the TCP in m.
        share: of the way sideways.
    """

    floor: float
    share: float


ANYWHERE = Crossing(-math.inf, 1.0)


def crossing(view: View) -> Crossing:
    """What a view leaves."""
    if view.obstacle_height == 0.0:
        return ANYWHERE
    hand, part, place = view.tcp_position.tolist(), view.part_position.tolist(), view.place_position.tolist()
    start, goal = (part, place) if view.holding else (hand, part)
    if math.dist(start[:2], goal[:2]) < _NEAR:
        return ANYWHERE
    lowest = hand[2] - FINGER_TIPS
    if view.holding:
        lowest = min(lowest, part[2] - view.part.height / 2)
    above = lowest - view.obstacle_height
    return Crossing(hand[2] - above + ROOM, min(max(above / (ROOM / 2), 0.0), 1.0))
