"""The guard: the last look at every tick's command, in deployment; a pure function with no switch.

It lets a command pass as it is, or sends the next step of the stop that it certified one tick before. Certified means:
from the new setpoint there is a way to standstill (:mod:`robocell_controller.arm.stopping`) inside joint limits, the
TCP's box and speed, and clear of planes and of the arm itself. So at every tick, whatever comes next, the arm can
stop safely. Rates are counted from the command before, not from the time that has passed: after missed ticks the arm
goes on from where it was told to be, without a jump.
"""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.motion import RatesConfig
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.arm.safety import SafetyKernel
from robocell_controller.arm.stopping import Stop, StopLaw
from robocell_controller.contract import JOINTS, Array, JointCommand, Segment, Setpoint
from robocell_controller.guard.clearance import Clearance, Look
from robocell_controller.guard.config import GuardConfig
from robocell_controller.record import record

_LOOK = 0.032  # s between two looks at a stop; the hand travels 5 cm at its fastest
_GAINED = 0.01  # of the TCP's speed, kept for what a stop gains between two looks: 0.3 % in ten million hostile ticks


@record(frozen=True, slots=True)
class Release:
    """What one tick sends.

    Attributes:
        command: for the drives.
        setpoint: where that leaves the joints.
        stop: the certified way to standstill from there.
        reason: why the command is not what was asked for; '' if it is.
        look: at the setpoint, if it has been looked at: the next tick need not look again.
    """

    command: JointCommand
    setpoint: Setpoint
    stop: Stop
    reason: str
    look: Look | None = None


class Guard:
    """Guards one arm at one controller rate. Not thread-safe: it reuses workspaces, but remembers nothing."""

    def __init__(self, robot: RobotConfig, config: GuardConfig, rates: RatesConfig) -> None:
        """Takes the data sheet's limits and shapes, the cell's bounds and the controller rate."""
        hz = rates.controller_hz
        one_tick = RatesConfig(policy_hz=hz, controller_hz=hz, physics_hz=hz)
        self._kernel = SafetyKernel(robot.limits, one_tick)
        self._stops = StopLaw(robot.limits, rates.tick)
        self._clearance = Clearance(robot, config)
        self._tick = rates.tick
        self._reach = (1.0 - _GAINED) * robot.tcp_speed_m_s * rates.tick  # m in a tick
        self._step = max(1, round(_LOOK / rates.tick))  # ticks
        self._lower, self._upper = robot.limits.lower, robot.limits.upper

    def begin(self, q: Array, dq: Array, gripper: float) -> Release:
        """Bumpless start with the joints at ``q`` [7] rad, going at ``dq`` [7] rad/s.

        Raises:
            ValueError: a value is not finite, or a joint is outside its limits.
        """
        if not (np.isfinite(dq).all() and ((q >= self._lower) & (q <= self._upper)).all()):
            raise ValueError(f"the arm can't be started from joints at {q} rad, going at {dq} rad/s")
        return self.resume(Setpoint(q.copy(), dq.copy(), np.zeros(JOINTS)), gripper)

    def resume(self, setpoint: Setpoint, gripper: float) -> Release:
        """Goes on from where the joints have been told to be, by whomever: a finite setpoint inside its limits."""
        command = JointCommand(setpoint.q, setpoint.dq, min(max(gripper, -1.0), 1.0))
        return Release(command, setpoint, self._stops.stop(setpoint), "")

    def release(self, last: Release, wanted: JointCommand | None, fault: str = "") -> Release:
        """What to send one tick after ``last``.

        Args:
            last: what was sent before.
            wanted: the command asked for; None goes on with the stop.
            fault: a reason to stop that others have found; '' if there is none.
        """
        if wanted is None or fault:
            return self._fall_back(last, None, fault or "stopping")
        if not _sane(wanted):
            return self._fall_back(last, None, "not finite")
        verdict = self._kernel.certify(last.setpoint, Segment(wanted.q[None], wanted.dq[None], wanted.gripper))
        if verdict.reason:
            return self._fall_back(last, wanted, verdict.reason)
        stop = self._stops.stop(verdict.setpoint)
        look = self._clearance.look(verdict.setpoint.q)
        reason = self._risk(last, verdict.setpoint.q, look, stop)
        return self._fall_back(last, wanted, reason) if reason else Release(wanted, verdict.setpoint, stop, "", look)

    def refusal(self, last: Release, segment: Segment) -> str:
        """Why a whole segment after ``last`` would not pass; '' if it would."""
        for q, dq in zip(segment.q, segment.dq, strict=True):
            last = self.release(last, JointCommand(q, dq, segment.gripper))
            if last.reason:
                return last.reason
        return ""

    def _fall_back(self, last: Release, wanted: JointCommand | None, reason: str) -> Release:
        """The next step of the certified stop, which may be what was wanted; the gripper keeps what it has."""
        stands = len(last.stop.q) == 0
        q, dq = (last.setpoint.q, np.zeros(JOINTS)) if stands else (last.stop.q[0], last.stop.dq[0])
        setpoint = Setpoint(q, dq, (dq - last.setpoint.dq) / self._tick)
        if wanted is not None and (wanted.q == q).all() and (wanted.dq == dq).all():
            return Release(wanted, setpoint, last.stop.after_a_tick(), "")
        return Release(JointCommand(q, dq, last.command.gripper), setpoint, last.stop.after_a_tick(), reason)

    def _risk(self, last: Release, q: Array, look: Look, stop: Stop) -> str:
        """What would be violated on the way from ``last`` to ``q``, of which ``look`` tells, and along the stop.

        '' if nothing.
        """
        clear_before, before = last.look or self._clearance.look(last.setpoint.q)
        clear, place = look
        if math.dist(before, place) > self._reach:
            return "tcp speed"
        unclear = [] if clear else [q]
        n, step = len(stop.q), self._step
        for end in range(step, n + step, step):
            posture, before = stop.q[min(end, n) - 1], place
            clear, place = self._clearance.look(posture)
            if math.dist(before, place) > step * self._reach:
                return "tcp speed"
            if not clear:
                unclear.append(posture)
        if not unclear:
            return ""
        spare = None if clear_before else self._clearance.spare(last.setpoint.q)
        return next(filter(None, (self._clearance.worse(posture, spare) for posture in unclear)), "")


def _sane(wanted: JointCommand) -> bool:
    """Right in shape; what else is not finite fails the limits."""
    return wanted.q.shape == wanted.dq.shape == (JOINTS,) and abs(wanted.gripper) <= 1.0
