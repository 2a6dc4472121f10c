"""The control loop: the one path around a clock, part after part, every tick checked and logged."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from robocell_controller.cell import CellConfig
from robocell_controller.clock import Clock
from robocell_controller.contract import Array, CellState, JointCommand, Plant, Policy, Setpoint
from robocell_controller.estimator import View
from robocell_controller.latency import Latencies
from robocell_controller.path import ControlPath
from robocell_controller.programs import Program
from robocell_controller.run_log import RunLog
from robocell_controller.safety import SafetyKernel, Verdict
from robocell_controller.summary import PLACED, Cycle, RunSummary, failures, median_and_p95, success_rate

Actor = Callable[[ControlPath, View], npt.NDArray[np.floating]]

TIME_LIMIT = "time_limit"  # failure class of a cycle that the plant never called finished
_RISE = np.array([0.0, 0.0, 1.0, 0.0, 1.0])  # up, fingers open
_HOME_HEIGHT = 0.1  # m over the slot
_AT_HOME = 0.01  # rad


def policy_actor(policy: Policy) -> Actor:
    """Lets a policy act, on observations."""
    return lambda path, view: policy.act(path.observation(view))


def program_actor(program: Program) -> Actor:
    """Lets a program act, on views."""
    return lambda _, view: program.act(view)


class ControlLoop:
    """Drives one plant. A run ends after its parts, on a fault, or when :meth:`request_stop` is called."""

    def __init__(
        self,
        cell: CellConfig,
        plant: Plant,
        actor: Actor,
        clock: Clock,
        log: RunLog | None = None,
        on_cycle: Callable[[Cycle], None] = lambda cycle: None,
    ) -> None:
        """Takes the parts of the loop.

        Args:
            cell: rates, motion and robot.
            plant: what is driven.
            actor: who decides, see :func:`policy_actor` and :func:`program_actor`.
            clock: paces the ticks.
            log: gets every tick.
            on_cycle: told each finished cycle.
        """
        robot = cell.load_robot()
        limits = robot.limits
        self._stroke = robot.gripper.stroke_m
        self._cell, self._plant, self._actor, self._clock = cell, plant, actor, clock
        self._log, self._on_cycle = log, on_cycle
        self._path = cell.control_path()
        self._kernel = SafetyKernel(limits, cell.rates)
        # An arm farther from its last setpoint than it travels in a policy period at full speed does not follow:
        # something holds it, a drive is off, or an encoder is wrong. In free motion the simulated arm keeps to
        # 1.4 mrad.
        self._following = limits.velocity * cell.rates.tick * cell.rates.ticks
        self._clear_height = (cell.motion.workspace_lower_m[2] + cell.motion.workspace_upper_m[2]) / 2
        self._latencies = {name: Latencies() for name in ("inference", "tick", "wake")}
        self._interventions: Counter[str] = Counter()
        self._cycles: list[Cycle] = []
        self._ticks = 0
        self._stop_cause: str | None = None

    def request_stop(self, cause: str) -> None:
        """Asks for a controlled stop at the next tick; safe to call from a signal handler."""
        self._stop_cause = cause

    def run(self, parts: int) -> RunSummary:
        """Picks and places ``parts`` parts; may be called once."""
        started = self._clock.now()
        stopped = None
        self._start()
        with _no_collections():
            try:
                for index in range(parts):
                    self._cycle(last=index == parts - 1)
            except _StopRun as stop:
                stopped = str(stop)
                self._brake()
        return self._summary(self._clock.now() - started, stopped)

    def _start(self) -> None:
        self._plant.present()
        state = self._plant.read()
        opening = state.gripper_width / self._stroke
        self._sent = JointCommand(state.q, state.dq, opening)
        self._path.reset(state.q, state.dq, opening)

    def _cycle(self, last: bool) -> None:
        """One part, from its presentation to its outcome or the time limit."""
        begin, outcome = self._ticks, None
        for _ in range(self._cell.steps_per_cycle):
            self._period(self._decide)
            outcome = self._plant.outcome()
            if outcome is not None:
                break
        cycle = Cycle(outcome or TIME_LIMIT, (self._ticks - begin) * self._cell.rates.tick)
        self._cycles.append(cycle)
        self._on_cycle(cycle)
        if not last:
            if cycle.outcome != PLACED:
                self._clear()
            self._plant.present()
            gc.collect()  # between parts, where a few milliseconds matter least

    def _clear(self) -> None:
        """After a failure: release, rise, and go home over the slot, whatever posture the failure has left.

        So the next part does not appear inside the hand, and the policy starts where it knows its way.
        """
        slot = self._plant.read().slot_position
        home = self._path.kinematics.inverse(slot + np.array([0.0, 0.0, _HOME_HEIGHT]), 0.0)
        for _ in range(self._cell.steps_per_cycle):
            if self._path.kinematics.pose(self._path.setpoint.q).position[2] > self._clear_height:
                break
            self._period(lambda state: (self._path.command(_RISE), _RISE), "clearing")
        for _ in range(self._cell.steps_per_cycle):
            if np.abs(home - self._path.setpoint.q).max() < _AT_HOME:
                break
            self._period(lambda state: (self._path.home(home), None), "clearing")

    def _period(self, decide: Callable[[CellState], tuple[Verdict, Array | None]], reason: str = "") -> None:
        """One policy period: decide in its first tick, then send the segment tick by tick."""
        verdict: Verdict | None = None
        for index in range(self._cell.rates.ticks):
            late, begin, state = self._wake()
            self._check(state)
            action = None
            if verdict is None:
                verdict, action = decide(state)
            segment = verdict.segment
            command = JointCommand(segment.q[index], segment.dq[index], segment.gripper)
            self._latencies["tick"].add(self._clock.now() - begin)
            self._send(command, state, (begin, late), verdict.reason or reason, action)

    def _decide(self, state: CellState) -> tuple[Verdict, Array]:
        view = self._path.view(state)
        begin = self._clock.now()
        action = np.asarray(self._actor(self._path, view), dtype=np.float64)
        self._latencies["inference"].add(self._clock.now() - begin)
        verdict = self._path.command(action)
        if verdict.reason:
            self._interventions[verdict.reason] += 1
        return verdict, action

    def _wake(self) -> tuple[int, int, CellState]:
        """Waits for the tick: how late it is and when it began (ns), and the sensors then."""
        late = self._clock.wait()
        self._latencies["wake"].add(late)
        return late, self._clock.now(), self._plant.read()

    def _check(self, state: CellState) -> None:
        """Certifies again on what is measured.

        Raises:
            _StopRun: a stop was asked for, a sensor is not finite, or the arm does not follow.
        """
        if self._stop_cause:
            raise _StopRun(self._stop_cause)
        if not _finite(state):
            raise _StopRun("a sensor value is not finite")
        error = np.abs(state.q - self._sent.q)
        if (error > self._following).any():
            joint = int(np.argmax(error / self._following))
            raise _StopRun(f"joint {joint + 1} is {error[joint]:.3f} rad from its setpoint")

    def _brake(self) -> None:
        """Slows all joints down at the data sheet's limits until they stand; trusts no sensor."""
        setpoint = Setpoint(self._sent.q, self._sent.dq, np.zeros_like(self._sent.q))
        while setpoint.dq.any():
            segment = self._kernel.brake(setpoint, self._sent.gripper)
            for q, dq in zip(segment.q, segment.dq, strict=True):
                late, begin, state = self._wake()
                self._send(JointCommand(q, dq, segment.gripper), state, (begin, late), "stopping", None)
            setpoint = Setpoint(segment.q[-1], segment.dq[-1], setpoint.ddq)

    def _send(
        self,
        command: JointCommand,
        state: CellState,
        times: tuple[int, int],
        reason: str,
        action: Array | None,
    ) -> None:
        self._plant.write(command)
        self._sent = command
        if self._log:
            self._log.append(self._ticks, times, state, command, reason, action)
        self._ticks += 1

    def _summary(self, wall: int, stopped: str | None) -> RunSummary:
        cycles = self._cycles
        times = [cycle.time_s for cycle in cycles if cycle.outcome == PLACED]
        time = self._ticks * self._cell.rates.tick
        return RunSummary(
            parts=len(cycles),
            placed=len(times),
            success=success_rate(len(times), len(cycles)),
            cycle_time_s=median_and_p95(times),
            parts_per_hour=3600.0 * len(times) / time if time else 0.0,
            failures=failures(cycles),
            time_s=time,
            wall_s=wall / 1e9,
            overruns=self._clock.overruns,
            latency_us={name: values.summary_us() for name, values in self._latencies.items()},
            interventions=dict(self._interventions),
            stopped=stopped,
        )


class _StopRun(Exception):  # noqa: N818 (an end of the run, not an error)
    """The run ends early; its message is the cause."""


def _finite(state: CellState) -> bool:
    numbers = (state.gripper_width, state.gripper_effort, state.part_yaw, state.part_age, state.slot_yaw)
    recipe = (state.part.width, state.part.height, state.part.crush_force, state.belt_travel)
    arrays = (state.q, state.dq, state.tau, state.part_position, state.slot_position, recipe)
    return bool(np.isfinite(np.concatenate([numbers, *arrays])).all())


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keeps the garbage collector out of the ticks; what exists already is never looked at again."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
