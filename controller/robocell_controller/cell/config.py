"""A cell's config: robot, rates, motion, and the plant that the controller drives."""

from __future__ import annotations

from typing import Any

from robocell_controller.arm.motion import MotionConfig, RatesConfig
from robocell_controller.arm.robot import Positive, RobotConfig
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.config import Config, load
from robocell_controller.guard.config import GuardConfig
from robocell_controller.path.control_path import ControlPath


class CellConfig(Config):
    """One file of ``configs/cells/``.

    ``guard`` names a file of ``configs/guards/``; there is always one. ``planned_run_time_s`` is that of one part,
    against which the KPIs measure (PRI of ISO 22400). ``plant`` names an entry of the group ``robocell.plants``;
    ``simulation`` is that plant's own section and is checked by it.
    """

    robot: str
    rates: RatesConfig
    motion: MotionConfig
    belt: BeltConfig | None = None
    cycle_time_limit_s: Positive
    planned_run_time_s: Positive = 2.0
    guard: str = "table_top"
    plant: str
    simulation: dict[str, Any]

    @property
    def steps_per_cycle(self) -> int:
        """Policy periods after which a cycle counts as failed."""
        return round(self.cycle_time_limit_s * self.rates.policy_hz)

    def load_robot(self) -> RobotConfig:
        """The robot this cell names."""
        return load(RobotConfig, "robots", self.robot)

    def load_guard(self) -> GuardConfig:
        """The bounds that the guard holds in this cell."""
        return load(GuardConfig, "guards", self.guard)

    def control_path(self) -> ControlPath:
        """A fresh path from sensors to drives."""
        return ControlPath(self.load_robot(), self.motion, self.rates, self.belt)
