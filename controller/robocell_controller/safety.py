"""The safety kernel: certifies a segment against the joint limits, or puts a braking segment in its place.

It only ever tightens. Invariant: after every segment it lets pass, all joints can still stop inside their
position limits with the data sheet's deceleration, so the braking segment always exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robocell_controller.contract import Array, Segment, Setpoint
from robocell_controller.motion import RatesConfig
from robocell_controller.robot import JointLimits

_ROUNDING = 1e-9  # relative; float64 rounding of sums of a few terms


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is really sent, where that leaves the joints, and why it differs from what was asked ('' if not)."""

    segment: Segment
    setpoint: Setpoint
    reason: str


class SafetyKernel:
    """Checks segments of one robot at one controller rate.

    Velocity, acceleration and jerk are the finite differences of the position setpoints. All of them are linear in
    the last setpoint and the segment, so one matrix gives them all.
    """

    def __init__(self, limits: JointLimits, rates: RatesConfig) -> None:
        """Takes the joint limits and the controller period."""
        self._limits = limits
        self._tick = rates.tick
        self._ticks = rates.ticks
        self._steps = np.arange(1, rates.ticks + 1)[:, None]
        self._differences = _differences(rates)
        bounds = [limits.velocity, limits.acceleration, limits.jerk, limits.velocity]
        self._bounds = np.repeat(np.array(bounds), rates.ticks, axis=0) * (1.0 + _ROUNDING)
        self._braking_time = 0.5 / limits.acceleration  # s of braking for each rad/s, halved

    def certify(self, setpoint: Setpoint, segment: Segment) -> Verdict:
        """Identity on a safe segment; otherwise a stop from ``setpoint`` and the limit that was at risk."""
        known = np.concatenate([setpoint.q[None], setpoint.dq[None], setpoint.ddq[None], segment.q, segment.dq])
        with np.errstate(all="ignore"):  # a hostile segment may overflow: the result then fails the checks
            rates = self._differences @ known
            reason = self._violation(segment, rates)
        if not reason:
            return Verdict(segment, Setpoint(segment.q[-1], rates[self._ticks - 1], rates[2 * self._ticks - 1]), "")
        stop = self.brake(setpoint, segment.gripper if math.isfinite(segment.gripper) else 0.0)
        last = stop.dq[-2] if len(stop.dq) > 1 else setpoint.dq
        return Verdict(stop, Setpoint(stop.q[-1], stop.dq[-1], (stop.dq[-1] - last) / self._tick), reason)

    def brake(self, setpoint: Setpoint, gripper: float) -> Segment:
        """Each joint slows down at the data sheet's limit until it stands."""
        speed = np.maximum(np.abs(setpoint.dq) - self._limits.acceleration * self._tick * self._steps, 0.0)
        dq = np.sign(setpoint.dq) * speed
        return Segment(setpoint.q + self._tick * np.cumsum(dq, axis=0), dq, gripper)

    def _violation(self, segment: Segment, rates: Array) -> str:
        """The first limit at risk. Every test asks for "within", which NaN never is."""
        if not math.isfinite(segment.gripper):
            return "not finite"
        within = np.abs(rates) <= self._bounds
        if not within.all():
            if not (np.isfinite(segment.q).all() and np.isfinite(segment.dq).all()):
                return "not finite"
            return _KINDS[int(np.flatnonzero(~within.all(axis=1))[0]) // self._ticks]
        # Discrete braking at a from v passes v²/2a and at most half a tick of v more.
        dq = rates[self._ticks - 1]
        stop = segment.q[-1] + dq * (np.abs(dq) * self._braking_time + self._tick)
        ends = np.concatenate([segment.q, stop[None]])
        if not ((ends >= self._limits.lower).all() and (ends <= self._limits.upper).all()):
            return "joint position"
        return ""


_KINDS = ("joint velocity", "joint acceleration", "joint jerk", "joint velocity")


def _differences(rates: RatesConfig) -> Array:
    """Matrix from [q, dq, ddq of the setpoint; q, dq of the segment] to its velocities, accelerations, jerks and dq."""
    n, tick = rates.ticks, rates.tick
    identity = np.eye(3 + 2 * n)
    before, q, dq = identity[:3], identity[3 : 3 + n], identity[3 + n :]
    rows = []
    values = q
    for order in range(3):
        values = (values - np.vstack([before[order], values[:-1]])) / tick
        rows.append(values)
    return np.vstack([*rows, dq])
