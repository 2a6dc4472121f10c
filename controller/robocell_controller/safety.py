"""The safety kernel: certifies a segment against the joint limits, or puts a braking segment in its place.

It only ever tightens. Invariant: after every segment it lets pass, all joints can still stop inside their
position limits with the data sheet's deceleration, so the braking segment always exists.
"""

from __future__ import annotations

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
    """Checks segments of one robot at one controller rate."""

    def __init__(self, limits: JointLimits, rates: RatesConfig) -> None:
        """Takes the joint limits and the controller period."""
        self._limits = limits
        self._tick = rates.tick
        self._steps = np.arange(1, rates.ticks + 1)[:, None]
        slack = 1.0 + _ROUNDING
        self._bounds = (limits.velocity * slack, limits.acceleration * slack, limits.jerk * slack)

    def certify(self, setpoint: Setpoint, segment: Segment) -> Verdict:
        """Identity on a safe segment; otherwise a stop from ``setpoint`` and the limit that was at risk."""
        dq, ddq, jerk = self._derivatives(setpoint, segment.q)
        reason = self._violation(segment, dq, ddq, jerk)
        if not reason:
            return Verdict(segment, Setpoint(segment.q[-1], dq[-1], ddq[-1]), "")
        stop = self.brake(setpoint, segment.gripper if np.isfinite(segment.gripper) else 0.0)
        last = stop.dq[-2] if len(stop.dq) > 1 else setpoint.dq
        return Verdict(stop, Setpoint(stop.q[-1], stop.dq[-1], (stop.dq[-1] - last) / self._tick), reason)

    def brake(self, setpoint: Setpoint, gripper: float) -> Segment:
        """Each joint slows down at the data sheet's limit until it stands."""
        speed = np.maximum(np.abs(setpoint.dq) - self._limits.acceleration * self._tick * self._steps, 0.0)
        dq = np.sign(setpoint.dq) * speed
        return Segment(setpoint.q + self._tick * np.cumsum(dq, axis=0), dq, gripper)

    def _derivatives(self, setpoint: Setpoint, q: Array) -> tuple[Array, Array, Array]:
        with np.errstate(all="ignore"):  # a hostile segment may overflow: the result then fails the checks
            dq = np.diff(q, axis=0, prepend=setpoint.q[None]) / self._tick
            ddq = np.diff(dq, axis=0, prepend=setpoint.dq[None]) / self._tick
            return dq, ddq, np.diff(ddq, axis=0, prepend=setpoint.ddq[None]) / self._tick

    def _violation(self, segment: Segment, dq: Array, ddq: Array, jerk: Array) -> str:
        if not (np.isfinite(segment.q).all() and np.isfinite(segment.dq).all() and np.isfinite(segment.gripper)):
            return "not finite"
        velocity, acceleration, jerk_bound = self._bounds
        if (np.abs(dq) > velocity).any() or (np.abs(segment.dq) > velocity).any():
            return "joint velocity"
        if (np.abs(ddq) > acceleration).any():
            return "joint acceleration"
        if (np.abs(jerk) > jerk_bound).any():
            return "joint jerk"
        # Discrete braking at a from v passes v²/2a and at most half a tick of v more.
        stop = segment.q[-1] + dq[-1] * (np.abs(dq[-1]) / (2.0 * self._limits.acceleration) + self._tick)
        ends = np.concatenate([segment.q, stop[None]])
        if (ends < self._limits.lower).any() or (ends > self._limits.upper).any():
            return "joint position"
        return ""
