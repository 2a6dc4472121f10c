"""The policy period: who decides it, how its ticks are sent, and how one brakes in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from robocell_controller.cell import CellConfig
from robocell_controller.clock import Clock
from robocell_controller.contract import Array, CellState, JointCommand, Policy, Setpoint
from robocell_controller.estimator import View
from robocell_controller.path import ControlPath
from robocell_controller.programs import Program
from robocell_controller.safety import SafetyKernel, Verdict
from robocell_controller.ticker import Ticker

Actor = Callable[[ControlPath, View], npt.NDArray[np.floating]]
Decision = tuple[Verdict, Array | None]


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
        self._kernel = SafetyKernel(robot.limits, cell.rates)
        self.path = cell.control_path()
        self.interventions: Counter[str] = Counter()

    def start(self) -> None:
        """Bumpless: the first setpoint is what the drives hold, or else where the joints are."""
        state = self._ticker.state
        self.path.reset(state.q, state.dq, state.gripper_width / self._stroke)
        self.adopt()

    def play(self, decide: Callable[[CellState], Decision], reason: str = "") -> None:
        """One policy period: decide in its first tick, then send the segment tick by tick.

        Periods lie on the grid of the plant's clock, as in training, where the sensors' frames are as old as the
        policy knows them. One that begins beside it is cut short. So is one in which a command came too late and the
        drives have braked meanwhile: the next one starts from what they hold.
        """
        before, ticks = self.path.setpoint, self._rates.ticks
        rows = ticks - self._ticker.plant_ticks % ticks
        verdict, action = decide(self._ticker.state)
        segment = verdict.segment
        for q, dq in zip(segment.q[:rows], segment.dq[:rows], strict=True):
            self._ticker.send(JointCommand(q, dq, segment.gripper), verdict.reason or reason, action)
            action = None
            self._ticker.wait()
            self._ticker.check()
            if self.adopt():
                return
        if rows < ticks:
            self.path.setpoint = setpoint_after(before, segment.q[:rows], self._rates.tick)

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
        verdict = self.path.command(action)
        if verdict.reason:
            self.interventions[verdict.reason] += 1
        return verdict, action

    def brake(self) -> None:
        """Slows all joints down at the data sheet's limits until they stand; trusts no sensor."""
        sent = self._ticker.sent
        if sent is None:
            return
        setpoint = Setpoint(sent.q, sent.dq, np.zeros_like(sent.q))
        while setpoint.dq.any():
            setpoint = self._brake_for_a_period(setpoint, sent.gripper)

    def _brake_for_a_period(self, setpoint: Setpoint, gripper: float) -> Setpoint:
        segment = self._kernel.brake(setpoint, gripper)
        for q, dq in zip(segment.q, segment.dq, strict=True):
            self._ticker.send(JointCommand(q, dq, gripper), "stopping")
            self._ticker.wait()
            if self._ticker.state.held is not None:
                return self._ticker.state.held
        return Setpoint(segment.q[-1], segment.dq[-1], np.zeros_like(setpoint.q))


def setpoint_after(before: Setpoint, q: Array, tick: float) -> Setpoint:
    """Where the positions ``q`` [n, 7] rad, one each ``tick`` s, lead from ``before``; as the safety kernel reckons."""
    positions = np.vstack([before.q, q])
    velocities = np.vstack([before.dq, np.diff(positions, axis=0) / tick])
    return Setpoint(positions[-1], velocities[-1], (velocities[-1] - velocities[-2]) / tick)
