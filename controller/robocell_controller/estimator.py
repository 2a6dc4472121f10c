"""The estimator: from delayed, noisy sensor values to one consistent picture of the cell, the *view*.

Policy (through the observer) and guided program act on the same view.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from robocell_controller.contract import Array, CellState, Setpoint
from robocell_controller.kinematics import Kinematics, TcpPose

HOLDING_EFFORT = 4.0  # N between the pads from which something is in the hand,
HOLDING_MISFIT = 0.006  # m, if the pads are no further apart than the part is wide: they may also press on the table
QUARTER = math.pi / 2  # parts have a square section: yaw is defined up to a quarter turn
_HISTORY = 16  # TCP poses remembered, policy periods; bounds the tracker delay that can be compensated


@dataclass(frozen=True, slots=True)
class View:
    """The cell as a program sees it. Frame ``base``, SI units.

    Attributes:
        tcp_position: [3] m, from the joint encoders.
        tcp_yaw: rad.
        tcp_velocity: [3] m/s, of the setpoint.
        part_position: [3] m, part centre.
        part_yaw: rad, the quarter-turn branch nearest to the previous view's.
        part_size: width and height, [2] m.
        place_position: [3] m, where the part's centre belongs.
        place_yaw: rad.
        gripper_width: m.
        gripper_speed: m/s, rate of the width.
        gripper_effort: N.
        holding: something is between the pads.
        part_age: s since the tracked pose was taken.
        gripper_command: last gripper command, see ``JointCommand``.
    """

    tcp_position: Array
    tcp_yaw: float
    tcp_velocity: Array
    part_position: Array
    part_yaw: float
    part_size: Array
    place_position: Array
    place_yaw: float
    gripper_width: float
    gripper_speed: float
    gripper_effort: float
    holding: bool
    part_age: float
    gripper_command: float


def nearest_branch(yaw: float, reference: float) -> float:
    """The yaw that looks the same under quarter turns and lies nearest to ``reference``, rad."""
    return yaw - QUARTER * round((yaw - reference) / QUARTER)


def is_holding(effort: float, gripper_width: float, part_width: float) -> bool:
    """Whether the part is between the pads, by their force (N) and distance (m)."""
    return effort > HOLDING_EFFORT and gripper_width < part_width + HOLDING_MISFIT


class Estimator:
    """Builds views; remembers just enough to compensate the tracker's delay."""

    def __init__(self, kinematics: Kinematics) -> None:
        """Uses ``kinematics`` for the TCP pose."""
        self._kinematics = kinematics
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as at a cold start."""
        self._history: deque[tuple[float, TcpPose]] = deque(maxlen=_HISTORY)
        self._part_yaw = 0.0
        self._width: tuple[float, float] | None = None
        self._cycle = -1

    def view(self, state: CellState, setpoint: Setpoint, gripper_command: float) -> View:
        """View of the newest sensor values, called once per policy period.

        Args:
            state: sensor values.
            setpoint: where the joints were last told to be.
            gripper_command: the gripper command in force.
        """
        if state.cycle != self._cycle:
            self._cycle, self._part_yaw = state.cycle, 0.0
        tcp, jacobian = self._kinematics.pose_and_jacobian(state.q)
        self._history.append((state.time, tcp))
        holding = is_holding(state.gripper_effort, state.gripper_width, float(state.part_size[0]))
        position, yaw = self._part(state, tcp, holding)
        height = float(state.part_size[1])
        return View(
            tcp_position=tcp.position,
            tcp_yaw=tcp.yaw,
            tcp_velocity=jacobian[:3] @ setpoint.dq,
            part_position=position,
            part_yaw=yaw,
            part_size=state.part_size,
            place_position=state.slot_position + np.array([0.0, 0.0, height / 2]),
            place_yaw=nearest_branch(state.slot_yaw, 0.0),
            gripper_width=state.gripper_width,
            gripper_speed=self._gripper_speed(state),
            gripper_effort=state.gripper_effort,
            holding=holding,
            part_age=state.part_age,
            gripper_command=gripper_command,
        )

    def _part(self, state: CellState, tcp: TcpPose, holding: bool) -> tuple[Array, float]:
        """Part pose now: a held part has moved with the hand since it was measured, any other has not."""
        position, yaw = state.part_position, state.part_yaw
        if holding:
            then = self._pose_at(state.time - state.part_age)
            position = position + tcp.position - then.position
            yaw = yaw + tcp.yaw - then.yaw
        self._part_yaw = nearest_branch(yaw, self._part_yaw)
        return position, self._part_yaw

    def _pose_at(self, time: float) -> TcpPose:
        return min(self._history, key=lambda entry: abs(entry[0] - time))[1]

    def _gripper_speed(self, state: CellState) -> float:
        before, self._width = self._width, (state.time, state.gripper_width)
        if before is None or state.time <= before[0]:
            return 0.0
        return (state.gripper_width - before[1]) / (state.time - before[0])
