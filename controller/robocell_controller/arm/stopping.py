"""How the arm stops: all joints in step, so that the hand stays on its path; if that does not fit, each on its own.

Both laws decelerate as the data sheet allows and let each joint only slow down. They need a controller period long
enough for the jerk limit to let an acceleration come to zero within it (the Panda: at most 500 Hz).
"""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.robot import JointLimits
from robocell_controller.contract import JOINTS, Array, Setpoint
from robocell_controller.record import record

_ROUNDING = 1e-9  # relative
_STANDSTILL = 1e-9  # rad/s: less is rounding
_COAST = 1.01  # ticks at full speed, with room for rounding, that a joint may need before it can slow down


@record(frozen=True, slots=True)
class Stop:
    """Setpoints of a way to standstill, positions [n, 7] rad and velocities [n, 7] rad/s; n is 0 at standstill."""

    q: Array
    dq: Array

    def after_a_tick(self) -> Stop:
        """What is left of it one tick later."""
        return Stop(self.q[1:], self.dq[1:])


_STANDING = Stop(np.empty((0, JOINTS)), np.empty((0, JOINTS)))


class StopLaw:
    """Stops of one robot at one controller rate; a pure function of the setpoint."""

    def __init__(self, limits: JointLimits, tick: float) -> None:
        """Takes the joint limits and the controller period, s.

        Raises:
            ValueError: the period is too short for the jerk limits.
        """
        self._limits, self._tick = limits, tick
        self._change = limits.jerk * tick  # of the acceleration within one tick, rad/s²
        if (self._change < (1.0 - _ROUNDING) * limits.acceleration).any():
            raise ValueError(f"a tick of {tick} s is too short: jerk limits keep the joints from braking")
        self._coasts = bool((self._change < 2.0 * limits.acceleration).any())
        self._per_acceleration = 1.0 / limits.acceleration
        braking_time = 0.5 / limits.acceleration  # s of braking for each rad/s, halved
        at_once = self._change - limits.acceleration  # acceleration, rad/s², from which full braking may follow
        self._joints = np.stack([limits.lower, limits.upper, braking_time, at_once], axis=1).tolist()

    def stop(self, setpoint: Setpoint) -> Stop:
        """The way to standstill from a setpoint inside its limits."""
        speeds = np.abs(setpoint.dq)
        if speeds.max() < _STANDSTILL:
            return _STANDING
        together = self._in_step(setpoint, speeds)
        end = together.q[-1]
        within = (end <= self._limits.upper) & (end >= self._limits.lower)
        return together if within.all() else self._joint_by_joint(setpoint)

    def can_stop(self, q: list[float], dq: list[float], ddq: list[float]) -> bool:
        """Whether each joint can stop on its own inside its position limits.

        Discrete braking at a from v passes less than v²/2a; a tick of v is room for the last step, another one for
        a joint that speeds up too hard to brake at once. Neither bound grows while the joint brakes.
        """
        tick = self._tick
        for position, speed, change, (lower, upper, braking_time, at_once) in zip(
            q, dq, ddq, self._joints, strict=True
        ):
            ticks = 1.0 + _COAST if change * speed > 0.0 and abs(change) > at_once else 1.0
            if not lower <= position + speed * (abs(speed) * braking_time + ticks * tick) <= upper:
                return False
        return True

    def _in_step(self, setpoint: Setpoint, speeds: Array) -> Stop:
        """Every joint keeps its share of the speed, as fast as the slowest to brake allows."""
        rate = first = 1.0 / float((speeds * self._per_acceleration).max())  # share of the speed, 1/s
        if self._coasts:
            bearable = self._change - np.sign(setpoint.dq) * setpoint.ddq
            first = min(rate, max(float((bearable / np.maximum(speeds, _STANDSTILL)).min()), 0.0))
        left, lost = max(1.0 - self._tick * first, 0.0), self._tick * rate
        ticks = 1 + math.ceil(left / lost - _ROUNDING)
        shares = left - lost * np.arange(ticks)
        shares[-1] = 0.0  # but for rounding
        travelled = self._tick * np.cumsum(shares)
        return Stop(setpoint.q + travelled[:, None] * setpoint.dq, shares[:, None] * setpoint.dq)

    def _joint_by_joint(self, setpoint: Setpoint) -> Stop:
        """Every joint brakes as hard as it may: the shortest way."""
        direction, speed = np.sign(setpoint.dq), np.abs(setpoint.dq)
        change = np.maximum(direction * setpoint.ddq - self._change, -self._limits.acceleration)
        first = np.maximum(speed + self._tick * np.minimum(change, 0.0), 0.0)
        lost = self._tick * self._limits.acceleration
        ticks = 1 + int(np.ceil((first / lost).max()))
        speeds = np.maximum(first - lost * np.arange(ticks)[:, None], 0.0)
        dq = direction * speeds
        return Stop(setpoint.q + self._tick * np.cumsum(dq, axis=0), dq)
