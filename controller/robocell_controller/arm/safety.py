"""The safety kernel: certifies a segment against the joint limits, or puts a braking segment in its place.

It only ever tightens. Invariant: after every segment it lets pass, all joints can still stop inside their
position limits with the data sheet's deceleration, so the braking segment always exists. It runs in training as in
deployment; what needs geometry or sensors is the part of :mod:`robocell_controller.guard.guard`, tick by tick.
"""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.motion import RatesConfig
from robocell_controller.arm.robot import JointLimits
from robocell_controller.arm.stopping import StopLaw
from robocell_controller.contract import JOINTS, Array, Segment, Setpoint
from robocell_controller.record import record

_ROUNDING = 1e-9  # relative; float64 rounding of sums of a few terms


@record(frozen=True, slots=True)
class Verdict:
    """What is really sent, where that leaves the joints, and why it differs from what was asked ('' if not)."""

    segment: Segment
    setpoint: Setpoint
    reason: str


class SafetyKernel:
    """Checks segments of one robot at one controller rate.

    Velocity, acceleration and jerk are the finite differences of the position setpoints. All of them are linear in
    the last setpoint and the segment, so one matrix gives them all. Not thread-safe: it reuses a workspace.
    """

    def __init__(self, limits: JointLimits, rates: RatesConfig) -> None:
        """Takes the joint limits and the controller period."""
        self._tick = rates.tick
        self._ticks = rates.ticks
        self._matrix = _matrix(rates)
        rate_bounds = [limits.velocity, limits.acceleration, limits.jerk, limits.velocity]
        rate_bounds = [(1.0 + _ROUNDING) * bound for bound in rate_bounds]
        self._highest = np.repeat(np.array([*rate_bounds, limits.upper]), rates.ticks, axis=0)
        self._lowest = np.repeat(np.array([*(-bound for bound in rate_bounds), limits.lower]), rates.ticks, axis=0)
        self._stops = StopLaw(limits, rates.tick)
        self._known = np.empty((3 + 2 * rates.ticks, JOINTS))

    def certify(self, setpoint: Setpoint, segment: Segment) -> Verdict:
        """Identity on a safe segment; otherwise a stop from ``setpoint`` and the limit that was at risk."""
        known, n = self._known, self._ticks
        known[0], known[1], known[2], known[3 : 3 + n], known[3 + n :] = (
            setpoint.q, setpoint.dq, setpoint.ddq, segment.q, segment.dq,
        )  # fmt: skip
        with np.errstate(over="ignore", invalid="ignore"):  # as a hostile segment may: it fails the checks
            values = self._matrix.dot(known)
        reason = self._violation(segment, values)
        if not reason:
            return Verdict(segment, Setpoint(values[0], values[1], values[2]), "")
        stop = self.brake(setpoint, segment.gripper if math.isfinite(segment.gripper) else 0.0)
        last = stop.dq[-2] if len(stop.dq) > 1 else setpoint.dq
        return Verdict(stop, Setpoint(stop.q[-1], stop.dq[-1], (stop.dq[-1] - last) / self._tick), reason)

    def brake(self, setpoint: Setpoint, gripper: float) -> Segment:
        """One policy period of the way to standstill, see :class:`~robocell_controller.arm.stopping.StopLaw`."""
        stop = self._stops.stop(setpoint)
        rest = setpoint.q if not len(stop.q) else stop.q[-1]
        q, dq = np.tile(rest, (self._ticks, 1)), np.zeros((self._ticks, JOINTS))
        braking = min(self._ticks, len(stop.q))
        q[:braking], dq[:braking] = stop.q[:braking], stop.dq[:braking]
        return Segment(q, dq, gripper)

    def _violation(self, segment: Segment, values: Array) -> str:
        """The first limit at risk. Every test asks for "within", which NaN never is."""
        if not math.isfinite(segment.gripper):
            return "not finite"
        checked = values[3:]
        within = (checked <= self._highest) & (checked >= self._lowest)
        if np.count_nonzero(within) < within.size:
            if not (np.isfinite(segment.q).all() and np.isfinite(segment.dq).all()):
                return "not finite"
            return _KINDS[int(np.flatnonzero(~within.all(axis=1))[0]) // self._ticks]
        return "" if self._stops.can_stop(*values[:3].tolist()) else "joint position"


_KINDS = ("joint velocity", "joint acceleration", "joint jerk", "joint velocity", "joint position")


def _matrix(rates: RatesConfig) -> Array:
    """Matrix [3 + 5 ticks, 3 + 2 ticks] from [q, dq, ddq of the setpoint; q, dq of the segment].

    It gives the next setpoint's q, dq and ddq, and for each tick the velocities, accelerations and jerks that are
    the differences of the positions, the segment's own dq and its positions.
    """
    n, tick = rates.ticks, rates.tick
    identity = np.eye(3 + 2 * n)
    before, q, dq = identity[:3], identity[3 : 3 + n], identity[3 + n :]
    rows = [q]
    for order in range(3):
        rows.append((rows[-1] - np.vstack([before[order], rows[-1][:-1]])) / tick)
    positions, velocities, accelerations, jerks = rows
    last = np.stack([positions[-1], velocities[-1], accelerations[-1]])
    return np.vstack([last, velocities, accelerations, jerks, dq, positions])
