"""Stations as the controller knows them: where things are in the cell. Frame ``base``."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Len

from robocell_controller.config import Config
from robocell_controller.contract import Array
from robocell_controller.robot import Positive

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
        return np.array([math.cos(self.direction_rad), math.sin(self.direction_rad), 0.0])

    def coordinates(self, position: Array) -> tuple[float, float, float]:
        """Along the belt, across it and over its top, from its centre, m, of a position [3] m."""
        x, y, z = (here - there for here, there in zip(position.tolist(), self.centre_m, strict=True))
        along_x, along_y, _ = self.direction.tolist()
        return x * along_x + y * along_y, y * along_x - x * along_y, z

    def carries(self, position: Array, height: float) -> bool:
        """Whether a part of ``height`` m with its centre at ``position`` [3] m lies on the belt."""
        along, across, over = self.coordinates(position)
        lies = abs(over - height / 2) < _LYING
        return lies and abs(along) < self.length_m / 2 and abs(across) < self.width_m / 2
