"""The estimator: from delayed, noisy sensor values to one consistent picture of the cell, the *view*.

Policy (through the observer) and guided program act on the same view.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from robocell_controller.arm.kinematics import Kinematics, TcpPose
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.contract import Array, CellState, PartInfo, Setpoint
from robocell_controller.record import record

HOLDING_EFFORT = 4.0  # N between the pads from which something is in the hand,
HOLDING_MISFIT = 0.006  # m, if the pads are as far apart as the part is wide: they may also press on the table, or meet
_AT_REST = np.zeros(3)
_HISTORY = 16  # TCP poses remembered, policy periods; bounds the tracker delay that can be compensated


@record(frozen=True, slots=True)
class View:
    """The cell as a program sees it. Frame ``base``, SI units.

    Attributes:
        tcp_position: [3] m, from the joint encoders.
        tcp_yaw: rad.
        tcp_velocity: [3] m/s, of the setpoint.
        part_position: [3] m, part centre.
        part_yaw: rad, the quarter turn nearest to the previous view's, at first to the place's.
        part_velocity: [3] m/s, of the belt under it or of the hand that holds it; otherwise 0.
        part_lifted: m, height of the part over where it was last seen lying.
        part: what the recipe tells of it.
        place_position: [3] m, where the part's centre belongs.
        place_yaw: rad.
        gripper_width: m.
        gripper_speed: m/s, rate of the width.
        gripper_effort: N.
        lift_force: upward force on what is held, N, from the joint torques; 0 if nothing is.
        holding: something is between the pads.
        part_age: s since the tracked pose was taken.
        gripper_command: last gripper command, see ``JointCommand``.
        obstacle_height: up to where other parts and walls stand in the cell, m; 0 without any.
    """

    tcp_position: Array
    tcp_yaw: float
    tcp_velocity: Array
    part_position: Array
    part_yaw: float
    part_velocity: Array
    part_lifted: float
    part: PartInfo
    place_position: Array
    place_yaw: float
    gripper_width: float
    gripper_speed: float
    gripper_effort: float
    lift_force: float
    holding: bool
    part_age: float
    gripper_command: float
    obstacle_height: float = 0.0


def nearest_branch(yaw: float, reference: float, symmetry: int) -> float:
    """The yaw nearest to ``reference`` that looks like ``yaw`` on a part of this symmetry (see ``PartInfo``), rad."""
    if symmetry == 0:
        return reference
    turn = 2.0 * math.pi / symmetry
    return yaw - turn * round((yaw - reference) / turn)


def is_holding(effort: float, gripper_width: float, part_width: float) -> bool:
    """Whether the part is between the pads, by their force (N) and distance (m)."""
    return effort > HOLDING_EFFORT and abs(gripper_width - part_width) < HOLDING_MISFIT


class Estimator:
    """Builds views; remembers just enough to compensate the tracker's delay."""

    def __init__(self, kinematics: Kinematics, belt: BeltConfig | None = None) -> None:
        """Uses ``kinematics`` for the TCP pose, and knows where parts move with the ``belt``."""
        self._kinematics = kinematics
        self._belt = belt
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as at a cold start."""
        self._history: deque[_Moment] = deque(maxlen=_HISTORY)
        self._part_yaw = self._lay = 0.0
        self._cycle = -1

    def view(self, state: CellState, setpoint: Setpoint, gripper_command: float) -> View:
        """View of the newest sensor values, called once per policy period.

        Args:
            state: sensor values.
            setpoint: where the joints were last told to be.
            gripper_command: the gripper command in force.
        """
        part, place_position = state.part, state.slot_position.copy()
        place_yaw = nearest_branch(state.slot_yaw, 0.0, part.symmetry)
        if state.cycle != self._cycle:  # a new part: gripped at the quarter turn that leaves least to turn on its way
            self._cycle, self._part_yaw = state.cycle, place_yaw
        place_position[2] += part.height / 2
        tcp, jacobian = self._kinematics.pose_and_jacobian(state.q)
        tcp_velocity = jacobian.dot(setpoint.dq)[:3]
        gripper_speed, belt_speed = self._speeds(state)
        self._history.append(_Moment(state.time, tcp, state.gripper_width, state.belt_travel))
        holding = is_holding(state.gripper_effort, state.gripper_width, part.width)
        position, yaw, velocity = self._part(state, tcp, tcp_velocity if holding else None, belt_speed)
        if not holding:
            self._lay = position.item(2)
        lifted = position.item(2) - self._lay
        lift_force = self._lift_force(state, setpoint, jacobian) if holding else 0.0
        return View(  # in the fields' order: a call that names them takes three times as long
            tcp.position, tcp.yaw, tcp_velocity,
            position, yaw, velocity, lifted, part,
            place_position, place_yaw,
            state.gripper_width, gripper_speed, state.gripper_effort, lift_force, holding,
            state.part_age, gripper_command, state.obstacle_height,
        )  # fmt: skip

    def _lift_force(self, state: CellState, setpoint: Setpoint, jacobian: Array) -> float:
        return self._kinematics.lift_force(jacobian, state.q, state.dq, setpoint.ddq, state.tau)

    def _part(
        self, state: CellState, tcp: TcpPose, carried: Array | None, belt_speed: float
    ) -> tuple[Array, float, Array]:
        """Part pose and velocity now: since it was measured it has moved with the hand, with the belt, or not at all.

        ``carried`` is the velocity of the hand if that holds the part.
        """
        position, yaw, velocity = state.part_position, state.part_yaw, _AT_REST
        if carried is not None:
            then = self._moment(state.time - state.part_age).tcp
            position = position + tcp.position - then.position
            yaw = yaw + tcp.yaw - then.yaw
            velocity = carried
        elif self._belt and self._belt.carries(position.tolist(), state.part.height):
            then_travel = self._moment(state.time - state.part_age).belt_travel
            position = position + (state.belt_travel - then_travel) * self._belt.direction
            velocity = belt_speed * self._belt.direction
        self._part_yaw = nearest_branch(yaw, self._part_yaw, state.part.symmetry)
        return position, self._part_yaw, velocity

    def _moment(self, time: float) -> _Moment:
        """The view taken nearest to ``time`` s; as a rule one of the last."""
        nearest = self._history[-1]
        for moment in reversed(self._history):
            if abs(moment.time - time) > abs(nearest.time - time):
                break
            nearest = moment
        return nearest

    def _speeds(self, state: CellState) -> tuple[float, float]:
        """Rate of the gripper's width and speed of the belt since the last view, m/s."""
        if not self._history or state.time <= self._history[-1].time:
            return 0.0, 0.0
        before = self._history[-1]
        passed = state.time - before.time
        return (state.gripper_width - before.gripper_width) / passed, (state.belt_travel - before.belt_travel) / passed


@record(frozen=True, slots=True)
class _Moment:
    """What is remembered of one view."""

    time: float
    tcp: TcpPose
    gripper_width: float
    belt_travel: float
