"""The least time that the arm's data sheet leaves for a pick-and-place cycle: what any program or policy is up against.

A cycle has three legs: from the start to the grasp, with the part to its place, and up until the hand is clear of it.
No cycle that keeps to these premises takes less time:

1. The joints keep to the data sheet's positions, speeds, accelerations and jerks, the fingers to its speed.
2. The hand is upright at grasp and place, as the cell's motion keeps it, and its TCP lies inside the part.
3. The part is not pushed about before it is held: the pads meet two of its faces as it lies, and the hand is at rest
   then, as the part is.
4. It is neither thrown nor dropped: it is let go at rest on the floor of its slot, within the task's tolerances.

All else is left out or left free, and can only make the real time longer: what is in the way (the part itself, the
tray's rim), torques, sensing, thinking, the period in which the cell acts and judges. In particular

* between two postures each joint takes its fastest way, whatever path that gives the TCP: no lifting, no via point;
* both postures are free, all seven joints of them, and with them the redundant joint, the height of the grasp and its
  shift along the pads, and where within its tolerances the part ends up;
* a part can be held by any pair of its faces and placed in any turn that looks the same, a round one at any yaw: the
  fastest counts;
* the fingers close while the hand comes, so they count only where they take longer than the arm; at the place the
  part is free as soon as they begin to open, so they don't count at all;
* the cycle ends when the hand reaches the clearance that the task asks for, at full speed.

The postures are a local optimum, see :mod:`robocell_agents.bench.posture_search`: to that extent the bound is
computed, not proven. Twelve random starts for each of 30 cycles found none better by more than 0.3 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robocell_agents.bench.joint_time import rise_time, travel_time
from robocell_agents.bench.posture_search import best_postures
from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import JOINTS, Array
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import simulation_config
from robocell_envs.scene.scenario import Scenario
from robocell_envs.tasks.pick_place import place_position


@dataclass(frozen=True, slots=True)
class CycleLimit:
    """Least times of the three legs, s."""

    reach_s: float
    transfer_s: float
    retreat_s: float

    @property
    def total_s(self) -> float:
        """Least time of the cycle, s."""
        return self.reach_s + self.transfer_s + self.retreat_s


class CycleLimits:
    """Computes the limits of one cell's cycles. Not thread-safe, see :class:`Kinematics`."""

    def __init__(self, cell: CellConfig) -> None:
        """Takes the data sheet and the task's tolerances from the cell.

        Raises:
            InputError: parts of this cell do not lie still before they are grasped.
        """
        if cell.belt:
            raise InputError("cell: belt", "parts on a belt", "a cell whose parts lie still: the limit is of those")
        robot = cell.load_robot()
        self._kinematics, self._limits = Kinematics(robot), robot.limits
        self._closing_speed = 2 * robot.gripper.finger_speed_m_s
        self._task = simulation_config(cell).task

    def start(self, scenario: Scenario) -> tuple[Array, Array]:
        """Joint positions [7] rad and velocities [7] rad/s that a cycle starts with, as the simulated plant's do."""
        q = self._kinematics.inverse(scenario.start_tcp, scenario.start_yaw)
        _, jacobian = self._kinematics.pose_and_jacobian(q)
        rising = np.array([0.0, 0.0, scenario.start_rise, 0.0, 0.0, 0.0])
        return q, self._kinematics.solve(jacobian, rising, np.zeros_like(q))

    def of(self, scenario: Scenario) -> CycleLimit:
        """The limit of one cycle.

        Raises:
            InputError: part or slot is out of reach.
        """
        q, dq = self.start(scenario)
        fingers_s = abs(scenario.start_gripper - scenario.part.width) / self._closing_speed
        grasp, place = best_postures(self._kinematics, self._limits, self._task, scenario, (q, dq, fingers_s))
        top = float(place_position(scenario)[2]) + scenario.part.height / 2
        return CycleLimit(
            reach_s=max(travel_time(self._limits, q, dq, grasp), fingers_s),
            transfer_s=travel_time(self._limits, grasp, np.zeros(JOINTS), place),
            retreat_s=rise_time(self._kinematics, self._limits, place, top + self._task.clearance_m),
        )
