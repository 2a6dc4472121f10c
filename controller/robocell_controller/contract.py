"""The words that the rooms share: what a plant reports, what it is told, and the robot's limits.

SI units throughout; frame ``base`` (robot base, z up) unless said otherwise; yaw is the rotation about base z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from robocell_controller.record import record

Array = npt.NDArray[np.float64]

JOINTS = 7
ACTION_NAMES = ("tcp_dx", "tcp_dy", "tcp_dz", "tcp_dyaw", "gripper")
ACTION_SIZE = len(ACTION_NAMES)


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What the recipe tells of a part.

    Attributes:
        width: between two faces that the pads can grip, m.
        height: m.
        symmetry: in how many yaws within one turn it looks the same; 0: in all, it is round.
        crush_force: force on it that makes it scrap, N, known to ±30 %.
    """

    width: float
    height: float
    symmetry: int
    crush_force: float


@record(frozen=True, slots=True)
class CellState:
    """What the sensors say at one instant.

    Attributes:
        time: seconds since the plant was started.
        q: joint positions, shape [7], rad.
        dq: joint velocities, shape [7], rad/s.
        tau: joint torques, shape [7], N·m.
        gripper_width: distance between the finger pads, m.
        gripper_effort: force between the finger pads as the drive reports it, N.
        part_position: tracked part centre, shape [3], m; the last measurement while the tracker is silent.
        part_yaw: tracked part yaw, rad.
        part_age: time since the tracked pose was taken, s.
        part: what the recipe tells of the part.
        slot_position: where the part's centre of the bottom face goes, shape [3], m, told by the recipe.
        slot_yaw: yaw of the slot, rad.
        belt_travel: way the infeed belt has gone since the plant was started, m, from its encoder; 0 without a belt.
        cycle: number of the current part, counted from 0; changes when a new part is presented.
        obstacle_height: up to where other parts and walls stand in the cell, m, told by the recipe; 0 without any.
        held: what the drives hold by themselves, for want of a command in the last tick; None if they followed one.
    """

    time: float
    q: Array
    dq: Array
    tau: Array
    gripper_width: float
    gripper_effort: float
    part_position: Array
    part_yaw: float
    part_age: float
    part: PartInfo
    slot_position: Array
    slot_yaw: float
    belt_travel: float = 0.0
    cycle: int = 0
    obstacle_height: float = 0.0
    held: Setpoint | None = None


@record(frozen=True, slots=True)
class JointCommand:
    """What the drives are told for one controller tick.

    Attributes:
        q: joint position setpoint, shape [7], rad.
        dq: joint velocity setpoint, shape [7], rad/s.
        gripper: [0, 1] moves the fingers to that share of the stroke; [-1, 0) grips with that share of the
            gripper's greatest force.
    """

    q: Array
    dq: Array
    gripper: float


@record(frozen=True, slots=True)
class Setpoint:
    """Where the joints were last told to be: position [7] rad, velocity [7] rad/s, acceleration [7] rad/s²."""

    q: Array
    dq: Array
    ddq: Array


@record(frozen=True, slots=True)
class Segment:
    """The setpoints of one policy period.

    Attributes:
        q: joint positions, shape [ticks, 7], rad.
        dq: joint velocities, shape [ticks, 7], rad/s.
        gripper: gripper command for the whole segment, see :class:`JointCommand`.
    """

    q: Array
    dq: Array
    gripper: float


class Policy(Protocol):
    """A learned policy: observation vector to action vector."""

    def act(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Action, shape [5], in [-1, 1], for one observation of the contract's shape."""


class PlantError(Exception):
    """The plant no longer answers, or its drives have stopped by themselves; the message says which and why."""


class PermitLost(PlantError):  # noqa: N818 (what has happened, not what is wrong)
    """The guardian has withdrawn its permission to move."""


class StopPressed(PermitLost):
    """The stop switch was pressed."""


class Plant(Protocol):
    """What the controller drives, simulated or real: the arm's drives, the sensors and the stations."""

    def read(self) -> CellState:
        """The latest sensor values.

        Raises:
            PlantError: there will be none.
        """

    def age(self) -> float:
        """Time since the sensor values that were read last were taken, s, on the controller's clock."""

    def write(self, command: JointCommand) -> None:
        """Hands the drives their setpoint for one controller tick; a simulated plant lets that tick pass."""

    def present(self) -> None:
        """Asks the stations for the next part and an empty slot; the state's ``cycle`` tells when they are there."""

    def outcome(self) -> str | None:
        """The stations' word on the current part: ``"placed"``, a failure class, or None while it is open."""

    def close(self) -> None:
        """Lets go of the plant."""
