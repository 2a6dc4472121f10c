"""Stations as the controller knows them: where things are in the cell. Frame ``base``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Gt, Len, Lt

from robocell_controller.arm.robot import Positive
from robocell_controller.config import Config
from robocell_controller.contract import Array

Point = Array | Sequence[float]
POST_WIDTH = 0.04  # m, of the post that a camera hangs from
_LYING = 0.01  # m, greatest height error of a part that lies on the belt


class BeltConfig(Config):
    """An infeed belt: a level strip that moves along ``direction_rad`` (from base x); ``centre_m`` is x, y, top."""

    centre_m: Annotated[list[float], Len(3, 3)]
    length_m: Positive
    width_m: Positive
    direction_rad: float

    @cached_property
    def direction(self) -> Array:
        """Unit vector of the belt's motion, [3]."""
        return np.array([*self._along, 0.0])

    @cached_property
    def _along(self) -> tuple[float, float]:
        return math.cos(self.direction_rad), math.sin(self.direction_rad)

    def coordinates(self, position: Point) -> tuple[float, float]:
        """Along the belt and across it, from its centre, m, of a position [3] m."""
        x, y = position[0] - self.centre_m[0], position[1] - self.centre_m[1]
        along_x, along_y = self._along
        return x * along_x + y * along_y, y * along_x - x * along_y

    def spans(self, position: Point) -> bool:
        """Whether the belt lies under a position [3] m."""
        along, across = self.coordinates(position)
        return abs(along) < self.length_m / 2 and abs(across) < self.width_m / 2

    def carries(self, position: Point, height: float) -> bool:
        """Whether a part of ``height`` m with its centre at ``position`` [3] m lies on the belt."""
        return abs(position[2] - self.centre_m[2] - height / 2) < _LYING and self.spans(position)


class CameraMountConfig(Config):
    """Where the camera hangs that tracks the parts: it looks straight down from ``lens_m`` and sees a cone.

    ``view_rad`` is the cone's whole angle; the post that it hangs from stands on the table at ``post_m``, x and y.
    """

    lens_m: Annotated[list[float], Len(3, 3)]
    view_rad: Annotated[float, Gt(0), Lt(math.pi)]
    post_m: Annotated[list[float], Len(2, 2)]

    def sees(self, position: Point) -> bool:
        """Whether a point [3] m lies in the cone."""
        below = self.lens_m[2] - position[2]
        return below > 0.0 and math.dist(self.lens_m[:2], position[:2]) <= below * math.tan(self.view_rad / 2)
