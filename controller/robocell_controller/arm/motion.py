"""Motion: one action becomes the joint setpoints of one policy period.

The action is a TCP velocity (a displacement per policy period). Zero means: stop as fast as the joints may.
Joint velocities ramp to the wanted ones with all joints in step, so the direction of a change is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Len
from pydantic import model_validator

from robocell_controller.arm.kinematics import Kinematics, TcpPose
from robocell_controller.arm.robot import Positive, RobotConfig
from robocell_controller.config import Config
from robocell_controller.contract import JOINTS, Array, Segment, Setpoint

_JOINT_MARGIN = 0.02  # rad kept from the joint limits, so that the safety kernel has no reason to act
_NEAR = 1e-3  # m
_HOMING_SHARE = 0.5  # of the limits, on the way home
_ACCELERATION_SHARE = 0.99  # of the data sheet's: room for rounding

Rate = Annotated[int, Gt(0), Le(10_000)]  # Hz; drives take a setpoint a thousand times a second at most


class RatesConfig(Config):
    """Rates of the loops; each must be a whole multiple of the slower one."""

    policy_hz: Rate
    controller_hz: Rate
    physics_hz: Rate

    @model_validator(mode="after")
    def _multiples(self) -> RatesConfig:
        if self.controller_hz % self.policy_hz or self.physics_hz % self.controller_hz:
            raise ValueError("each rate to be a whole multiple of the slower one")
        return self

    @property
    def ticks(self) -> int:
        """Controller ticks in one policy period."""
        return self.controller_hz // self.policy_hz

    @property
    def tick(self) -> float:
        """Controller period, s."""
        return 1.0 / self.controller_hz


class MotionConfig(Config):
    """What an action means, and the box the TCP stays in (frame ``base``)."""

    tcp_speed_m_s: Positive
    yaw_rate_rad_s: Positive
    workspace_lower_m: Annotated[list[float], Len(3, 3)]
    workspace_upper_m: Annotated[list[float], Len(3, 3)]
    workspace_braking_m_s2: Positive
    upright_gain_per_s: Annotated[float, Ge(0)]
    posture_gain_per_s: Annotated[float, Ge(0)]

    @model_validator(mode="after")
    def _box(self) -> MotionConfig:
        if any(low >= high for low, high in zip(self.workspace_lower_m, self.workspace_upper_m, strict=True)):
            raise ValueError("workspace_lower_m to be below workspace_upper_m on every axis")
        return self


def gripper_command(action: float) -> float:
    """Gripper command of an action: an opening as it is, a force by its square, for a fine touch at small forces."""
    return action if action >= 0.0 else -action * action


def gripper_action(command: float) -> float:
    """Inverse of :func:`gripper_command`."""
    return command if command >= 0.0 else -math.sqrt(-command)


class Motion:
    """Plans segments for one robot. Holds no state between calls but Pinocchio's workspace."""

    def __init__(self, robot: RobotConfig, config: MotionConfig, rates: RatesConfig) -> None:
        """Takes the limits from the robot's data sheet and the meaning of an action from ``config``."""
        self.kinematics = Kinematics(robot)
        self._speed, self._yaw_rate = config.tcp_speed_m_s, config.yaw_rate_rad_s
        self._upright, self._posture = config.upright_gain_per_s, config.posture_gain_per_s
        self._braking = config.workspace_braking_m_s2
        limits = robot.limits
        acceleration = _ACCELERATION_SHARE * limits.acceleration
        self._acceleration, self._ramps = acceleration, acceleration.tolist()
        self._fastest, self._lower, self._upper = limits.velocity, limits.lower, limits.upper
        self._joints = np.stack([limits.lower, limits.upper, limits.velocity, acceleration], axis=1).tolist()
        self._rest = np.array(robot.rest_posture_rad)
        self._walls = list(zip(config.workspace_lower_m, config.workspace_upper_m, strict=True))
        self._tick = rates.tick
        self._period = rates.tick * rates.ticks
        self._elapsed = [rates.tick * k for k in range(1, rates.ticks + 1)]  # s, at the end of each tick
        self._weights = _weights(rates)
        self._known = np.empty((3, JOINTS))

    def plan(
        self, setpoint: Setpoint, action: Sequence[float], firmest: float = 1.0, floor: float = -math.inf
    ) -> Segment:
        """Segment for one action [5] in [-1, 1], starting at ``setpoint``.

        Takes at most ``firmest`` of the grip force, and keeps the TCP above ``floor`` m, as above the work area's.
        """
        pose, jacobian = self.kinematics.pose_and_jacobian(setpoint.q)
        twist = self._twist(pose, jacobian.dot(setpoint.dq), action, floor)
        wanted = self.kinematics.solve(jacobian, twist, self._towards_rest(setpoint.q))
        return self._ramped(setpoint, wanted, max(gripper_command(float(action[4])), -firmest))

    def plan_escape(self, setpoint: Setpoint, point: Array) -> Segment:
        """Segment of an unhurried straight way of the TCP to ``point`` [3] m, however the hand may turn; fingers open.

        A joint at its limit stays there and holds up no other: from a twisted posture an action may lead nowhere.
        """
        pose, jacobian = self.kinematics.pose_and_jacobian(setpoint.q)
        linear, rest, way = jacobian[:3], self._towards_rest(setpoint.q), point - pose.position
        distance = max(float(np.linalg.norm(way)), _NEAR)
        speed = min(_HOMING_SHARE * self._speed, math.sqrt(2.0 * self._braking * distance))
        wanted = rest + np.linalg.pinv(linear).dot(speed * way / distance - linear.dot(rest))
        room = np.where(wanted > 0.0, self._upper - setpoint.q, setpoint.q - self._lower)
        free = room > 2.0 * _JOINT_MARGIN + np.abs(wanted) * self._period
        return self._ramped(setpoint, np.where(free, wanted, 0.0), 1.0)

    def plan_home(self, setpoint: Setpoint, goal: Array) -> Segment:
        """Segment of an unhurried way, joint by joint, to the posture ``goal`` [7] rad; the fingers open."""
        error = goal - setpoint.q
        braking = np.sqrt(2.0 * _HOMING_SHARE * np.abs(error) * self._acceleration)
        speed = np.minimum(np.minimum(braking, _HOMING_SHARE * self._fastest), np.abs(error) / self._period)
        return self._ramped(setpoint, np.sign(error) * speed, 1.0)

    def _ramped(self, setpoint: Setpoint, wanted: Array, gripper: float) -> Segment:
        """From the present joint velocities to the wanted ones [7] rad/s, as far as the limits allow.

        All setpoints are weighted sums of three vectors: position and velocity now, and the change of velocity.
        """
        elapsed, known, weights, tick = self._elapsed, self._known, self._weights, self._tick
        n = len(elapsed)
        aims = wanted.tolist()
        share = self._share_within_limits(setpoint.q.tolist(), aims)
        change = [share * aim - speed for aim, speed in zip(aims, setpoint.dq.tolist(), strict=True)]
        known[0], known[1], known[2] = setpoint.q, setpoint.dq, change
        ramp = max(tick, *[abs(each) / most for each, most in zip(change, self._ramps, strict=True)])
        shares = [passed / ramp if passed < ramp else 1.0 for passed in elapsed]
        weights[:, 2] = [tick * total for total in accumulate(shares)] + shares
        setpoints = weights.dot(known)
        return Segment(setpoints[:n], setpoints[n:], gripper)

    def _twist(self, pose: TcpPose, present: Array, action: Sequence[float], floor: float) -> Array:
        """TCP velocity [6] that an action asks for; ``present`` is that of now, at least [3] m/s."""
        scale = self._speed / max(1.0, math.hypot(action[0], action[1], action[2]))
        half = 0.5 * self._period
        side, across, (bottom, top) = self._walls
        walls = (side, across, (max(bottom, floor), top))
        axes = zip(action, pose.position.tolist(), present.tolist(), walls, strict=False)
        linear = [
            self._held_back(scale * share, upper - position - half * speed, position + half * speed - lower)
            for share, position, speed, (lower, upper) in axes
        ]
        x, y = pose.rotation.item(0, 2), pose.rotation.item(1, 2)  # tilt: TCP z axis × straight down = (-y, x, 0)
        return np.array([*linear, -self._upright * y, self._upright * x, self._yaw_rate * action[3]])

    def _held_back(self, speed: float, above: float, below: float) -> float:
        """A speed along one axis, m/s, with so much room, m, to the upper and to the lower wall."""
        if above >= 0.0 and below >= 0.0:  # inside the box only the wall ahead matters
            return min(speed, self._speed_limit(above)) if speed > 0.0 else max(speed, -self._speed_limit(below))
        return max(min(speed, self._speed_limit(above)), -self._speed_limit(below))

    def _speed_limit(self, room: float) -> float:
        """Speed towards a wall, m/s, from which the TCP stops before it.

        While the joints ramp from the present speed to the new one v, half a period of each passes. ``room`` m is left
        of the distance when the first half has; it must hold the other and v²/2a. Outside the box the TCP must come
        back.
        """
        if room < 0.0:
            return room / self._period
        braking, half = self._braking, 0.5 * self._period
        return braking * (math.sqrt(half * half + 2.0 * room / braking) - half)

    def _towards_rest(self, q: Array) -> Array:
        return self._posture * (self._rest - q)

    def _share_within_limits(self, q: list[float], dq: list[float]) -> float:
        """Share of ``dq`` at which each joint keeps to its speed and can stop before its limit.

        Written out joint by joint: for seven numbers that is faster than array operations.
        """
        share, period = 1.0, self._period
        for position, speed, (lower, upper, fastest, braking) in zip(q, dq, self._joints, strict=True):
            room = (upper - position if speed > 0.0 else position - lower) - _JOINT_MARGIN
            speed = abs(speed)
            room -= speed * period
            allowed = min(fastest, math.sqrt(braking * room)) if room > 0.0 else 0.0
            if allowed < speed * share:
                share = allowed / speed
        return share


def _weights(rates: RatesConfig) -> Array:
    """Weights [2 ticks, 3] of position, velocity and change in each tick's position, then velocity."""
    ticks = np.arange(1, rates.ticks + 1)
    positions = np.stack([np.ones(rates.ticks), rates.tick * ticks, np.zeros(rates.ticks)], axis=1)
    velocities = np.tile([0.0, 1.0, 0.0], (rates.ticks, 1))
    return np.vstack([positions, velocities])
