"""Motion: one action becomes the joint setpoints of one policy period.

The action is a TCP velocity (a displacement per policy period). Zero means: stop as fast as the joints may.
Joint velocities ramp to the wanted ones with all joints in step, so the direction of a change is kept.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Len
from pydantic import model_validator

from robocell_controller.config import Config
from robocell_controller.contract import Array, Segment, Setpoint
from robocell_controller.kinematics import Kinematics, TcpPose
from robocell_controller.robot import Positive, RobotConfig

_JOINT_MARGIN = 0.02  # rad kept from the joint limits, so that the safety kernel has no reason to act
_ACCELERATION_SHARE = 0.99  # of the data sheet's: room for rounding


class RatesConfig(Config):
    """Rates of the loops; each must be a whole multiple of the slower one."""

    policy_hz: Annotated[int, Gt(0)]
    controller_hz: Annotated[int, Gt(0)]
    physics_hz: Annotated[int, Gt(0)]

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
        self._config = config
        self._limits = robot.limits
        self._acceleration = _ACCELERATION_SHARE * robot.limits.acceleration
        self._rest = np.array(robot.rest_posture_rad)
        self._lower = np.array(config.workspace_lower_m)
        self._upper = np.array(config.workspace_upper_m)
        self._tick = rates.tick
        self._times = rates.tick * np.arange(1, rates.ticks + 1)[:, None]
        self._period = rates.tick * rates.ticks

    def plan(self, setpoint: Setpoint, action: Array) -> Segment:
        """Segment for one action [5] in [-1, 1], starting at ``setpoint``."""
        pose, jacobian = self.kinematics.pose_and_jacobian(setpoint.q)
        twist = self._twist(pose, jacobian[:3] @ setpoint.dq, action)
        wanted = self.kinematics.solve(jacobian, twist, self._towards_rest(setpoint.q))
        change = self._within_joint_limits(setpoint.q, wanted) - setpoint.dq
        ramp = np.abs(change / self._acceleration).max()
        share = np.minimum(self._times / max(ramp, self._tick), 1.0)
        dq = setpoint.dq + share * change
        return Segment(setpoint.q + self._tick * np.cumsum(dq, axis=0), dq, gripper_command(float(action[4])))

    def _twist(self, pose: TcpPose, present: Array, action: Array) -> Array:
        velocity = self._config.tcp_speed_m_s * action[:3] / max(1.0, float(np.linalg.norm(action[:3])))
        velocity = np.minimum(velocity, self._speed_limit(self._upper - pose.position, present))
        velocity = np.maximum(velocity, -self._speed_limit(pose.position - self._lower, -present))
        x, y = pose.rotation[0, 2], pose.rotation[1, 2]  # tilt: TCP z axis × straight down = (-y, x, 0)
        gain = self._config.upright_gain_per_s
        return np.array([*velocity, -gain * y, gain * x, self._config.yaw_rate_rad_s * action[3]])

    def _speed_limit(self, distance: Array, present: Array) -> Array:
        """Speed [3] m/s towards a wall from which the TCP stops within ``distance`` [3] m.

        While the joints ramp from the ``present`` speed [3] m/s to the new one v, half a period of each passes; the
        rest of the way must hold v²/2a. Outside the box the TCP must come back.
        """
        braking, half = self._config.workspace_braking_m_s2, 0.5 * self._period
        room = distance - half * present
        stoppable = braking * (np.sqrt(half * half + 2.0 * np.maximum(room, 0.0) / braking) - half)
        return np.where(room < 0.0, room / self._period, stoppable)

    def _towards_rest(self, q: Array) -> Array:
        return self._config.posture_gain_per_s * (self._rest - q)

    def _within_joint_limits(self, q: Array, dq: Array) -> Array:
        """``dq`` scaled as a whole so that each joint keeps to its speed and can stop before its limit."""
        room = np.where(dq > 0.0, self._limits.upper - q, q - self._limits.lower) - _JOINT_MARGIN
        stoppable = np.sqrt(self._acceleration * np.maximum(room - np.abs(dq) * self._period, 0.0))
        allowed = np.minimum(self._limits.velocity, stoppable)
        return dq * min(1.0, float((allowed / np.maximum(np.abs(dq), 1e-9)).min()))
