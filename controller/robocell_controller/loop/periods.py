"""The policy period: who decides it, how its ticks are sent, and how one brakes in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from robocell_controller.arm.safety import Verdict
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array, CellState, JointCommand, Policy, Setpoint
from robocell_controller.guard.supervisor import Change, Level, Period
from robocell_controller.loop.clock import Clock
from robocell_controller.loop.ticker import StopRun, Ticker
from robocell_controller.machine.packml import Cause
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.programs import Program

Actor = Callable[[ControlPath, View], npt.NDArray[np.floating]]
Decision = tuple[Verdict, Array | None]


@runtime_checkable
class Watched(Protocol):
    """An actor that is told how its periods went, see :class:`robocell_controller.rollout.supervised.Supervised`."""

    def ended(self, period: Period) -> Change | None:
        """After each period: what only the loop knows of it. The change of who acts, if there is one."""


def policy_actor(policy: Policy) -> Actor:
    """Lets a policy act, on observations."""
    return lambda path, view: policy.act(path.observation(view))


def program_actor(program: Program) -> Actor:
    """Lets a program act, on views."""
    return lambda _, view: program.act(view)


class Periods:
    """Plays policy periods on the one path from sensors to drives."""

    def __init__(self, cell: CellConfig, actor: Actor, ticker: Ticker, clock: Clock) -> None:
        """Takes who decides, see :func:`policy_actor` and :func:`program_actor`, and what sends the ticks."""
        robot = cell.load_robot()
        self._stroke = robot.gripper.stroke_m
        self._rates, self._actor, self._ticker, self._clock = cell.rates, actor, ticker, clock
        self.path = cell.control_path()
        self.interventions: Counter[str] = Counter()

    def start(self) -> None:
        """Bumpless: the first setpoint is what the drives hold, or else where the joints are.

        Raises:
            StopRun: the joints are outside their limits.
        """
        state = self._ticker.state
        self.path.reset(state.q, state.dq, state.gripper_width / self._stroke)
        self._ticker.begin(self.path.gripper_command)
        self.adopt()

    def play(self, decide: Callable[[CellState], Decision], reason: str = "") -> Period:
        """One policy period: decide in its first tick, then send the segment tick by tick.

        Periods lie on the grid of the plant's clock, as in training, where the sensors' frames are as old as the
        policy knows them. One that begins beside it is cut short. So is one in which a command came too late and the
        drives have braked meanwhile: the next one starts from what they hold. Where the guard steps in, the period
        goes on with its stop.

        Returns:
            Why the safety kernel or the guard stepped in, and whether a command came too late.
        """
        before, ticks = self.path.setpoint, self._rates.ticks
        rows = ticks - self._ticker.plant_ticks % ticks
        verdict, action = decide(self._ticker.state)
        segment, refused, late = verdict.segment, "", False
        for q, dq in zip(segment.q[:rows], segment.dq[:rows], strict=True):
            wanted = None if refused else JointCommand(q, dq, segment.gripper)
            refused = self._ticker.send(wanted, refused or verdict.reason or reason, action)
            action = None
            self._ticker.wait()
            self._ticker.check()
            if late := self.adopt():
                break
        else:
            if rows < ticks and not refused:
                self.path.setpoint = setpoint_after(before, segment.q[:rows], self._rates.tick)
        if refused:
            self._follow_the_guard()
        trouble = verdict.reason or refused
        if trouble:
            self.interventions[trouble] += 1
        return Period(intervention=trouble, missing=late)

    def _follow_the_guard(self) -> None:
        released = self._ticker.released
        assert released is not None
        self.path.setpoint, self.path.gripper_command = released.setpoint, released.command.gripper

    def adopt(self) -> bool:
        """Goes on from what the drives hold by themselves, if they do."""
        held = self._ticker.state.held
        if held is None:
            return False
        self.path.setpoint = held
        return True

    def decide(self, state: CellState) -> Decision:
        """The actor's word on one period, certified; the one place where it is asked."""
        view = self.path.view(state)
        begin = self._clock.now()
        action = np.asarray(self._actor(self.path, view), dtype=np.float64)
        self._ticker.latencies["inference"].add(self._clock.now() - begin)
        return self.path.command(action), action

    def supervise(self, period: Period) -> Level | None:
        """Tells a supervised actor how its period went, and records who acts next, if that changes.

        Returns:
            Who, if that changes.

        Raises:
            StopRun: nobody can act safely.
        """
        change = self._actor.ended(period) if isinstance(self._actor, Watched) else None
        if change is None:
            return None
        names = {"before": change.before.name.lower(), "after": change.after.name.lower()}
        self._ticker.event("change", **names, reason=change.reason)
        if change.after is Level.STOP:
            raise StopRun(Cause.NO_CONTROLLER, change.reason)
        return change.after

    def brake(self) -> None:
        """Follows the certified stop until the joints stand; trusts no sensor."""
        while (released := self._ticker.released) and released.setpoint.dq.any():
            self._ticker.send(None, "stopping")
            self._ticker.wait()


def setpoint_after(before: Setpoint, q: Array, tick: float) -> Setpoint:
    """Where the positions ``q`` [n, 7] rad, one each ``tick`` s, lead from ``before``; as the safety kernel reckons."""
    positions = np.vstack([before.q, q])
    velocities = np.vstack([before.dq, np.diff(positions, axis=0) / tick])
    return Setpoint(positions[-1], velocities[-1], (velocities[-1] - velocities[-2]) / tick)
