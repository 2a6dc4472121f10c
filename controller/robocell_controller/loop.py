"""The control loop: the one path around a clock, part after part, every tick checked and logged."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from robocell_controller.cell import CellConfig
from robocell_controller.clock import Clock
from robocell_controller.contract import Array, CellState, JointCommand, Plant, PlantError, Policy, Setpoint
from robocell_controller.estimator import View
from robocell_controller.motion import gripper_action
from robocell_controller.path import ControlPath
from robocell_controller.programs import Program
from robocell_controller.rights import no_collections
from robocell_controller.run_log import Recorder
from robocell_controller.safety import SafetyKernel, Verdict
from robocell_controller.summary import PLACED, Cycle, RunSummary, failures, median_and_p95, success_rate
from robocell_controller.ticker import StopRun, Ticker

Actor = Callable[[ControlPath, View], npt.NDArray[np.floating]]
Decision = tuple[Verdict, Array | None]

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
        recorder: Recorder | None = None,
        on_cycle: Callable[[Cycle], None] = lambda cycle: None,
    ) -> None:
        """Takes the parts of the loop.

        Args:
            cell: rates, motion and robot.
            plant: what is driven.
            actor: who decides, see :func:`policy_actor` and :func:`program_actor`.
            clock: paces the ticks.
            recorder: gets every tick and every event.
            on_cycle: told each finished cycle.
        """
        robot = cell.load_robot()
        self._stroke = robot.gripper.stroke_m
        self._cell, self._plant, self._actor, self._clock, self._on_cycle = cell, plant, actor, clock, on_cycle
        self._path = cell.control_path()
        self._kernel = SafetyKernel(robot.limits, cell.rates)
        self._ticker = Ticker(cell, plant, clock, recorder)
        self._clear_height = (cell.motion.workspace_lower_m[2] + cell.motion.workspace_upper_m[2]) / 2
        self._interventions: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._times = array("d")  # of placed parts, s
        self._part = -1

    def request_stop(self, cause: str) -> None:
        """Asks for a controlled stop at the next tick; safe to call from a signal handler."""
        self._ticker.stop_cause = cause

    def run(self, parts: int) -> RunSummary:
        """Picks and places ``parts`` parts; may be called once."""
        started = self._clock.now()
        with no_collections():
            stopped = self._run(parts)
        return self._summary(self._clock.now() - started, stopped)

    def _run(self, parts: int) -> str | None:
        """All cycles; why they ended early."""
        try:
            self._start()
            for index in range(parts):
                self._cycle(last=index == parts - 1)
        except StopRun as stop:
            self._ticker.event("stop", cause=str(stop))
            with suppress(PlantError):
                self._brake()
            return str(stop)
        except PlantError as error:  # its drives stop by themselves
            self._ticker.event("stop", cause=str(error))
            return str(error)
        return None

    def _start(self) -> None:
        """Bumpless: the first setpoint is what the drives hold, or else where the joints are."""
        self._plant.present()
        for _ in range(2):  # a guardian hears of the loop by its first look, and permits before its second
            self._ticker.wait()
        state = self._ticker.state
        self._path.reset(state.q, state.dq, state.gripper_width / self._stroke)
        self._adopt(state)
        self._part = state.cycle
        self._ticker.check()

    def _cycle(self, last: bool) -> None:
        """One part, from its presentation to its outcome or the time limit."""
        begin, outcome = self._ticker.plant_ticks, None
        for _ in range(self._cell.steps_per_cycle):
            self._period(self._decide)
            outcome = self._plant.outcome()
            if outcome is not None:
                break
        cycle = Cycle(outcome or TIME_LIMIT, (self._ticker.plant_ticks - begin) * self._cell.rates.tick)
        self._outcomes[cycle.outcome] += 1
        if cycle.outcome == PLACED:
            self._times.append(cycle.time_s)
        self._ticker.event("cycle", outcome=cycle.outcome, time_s=cycle.time_s)
        self._on_cycle(cycle)
        if not last:
            if cycle.outcome != PLACED:
                self._clear()
            self._next_part()

    def _clear(self) -> None:
        """After a failure: release, rise, and go home over the slot, whatever posture the failure has left.

        So the next part does not appear inside the hand, and the policy starts where it knows its way.
        """
        slot = self._ticker.state.slot_position
        home = self._path.kinematics.inverse(slot + np.array([0.0, 0.0, _HOME_HEIGHT]), 0.0)
        for _ in range(self._cell.steps_per_cycle):
            if self._path.kinematics.pose(self._path.setpoint.q).position[2] > self._clear_height:
                break
            self._period(lambda state: (self._path.command(_RISE), _RISE), "clearing")
        for _ in range(self._cell.steps_per_cycle):
            if np.abs(home - self._path.setpoint.q).max() < _AT_HOME:
                break
            self._period(lambda state: (self._path.home(home), None), "clearing")

    def _next_part(self) -> None:
        """Asks for a part and stops until it is there, which in lock-step with a simulation it is at once."""
        self._plant.present()
        self._ticker.read()
        self._adopt(self._ticker.state)
        for _ in range(self._cell.steps_per_cycle):
            if self._ticker.state.cycle != self._part:
                self._part = self._ticker.state.cycle
                return
            self._period(self._wait_for_part, "waiting for a part")
        raise StopRun("no part came")

    def _wait_for_part(self, _: CellState) -> Decision:
        stop = np.array([0.0, 0.0, 0.0, 0.0, gripper_action(self._path.gripper_command)])
        return self._path.command(stop), stop

    def _period(self, decide: Callable[[CellState], Decision], reason: str = "") -> None:
        """One policy period: decide in its first tick, then send the segment tick by tick.

        Periods lie on the grid of the plant's clock, as in training, where the sensors' frames are as old as the
        policy knows them. One that begins beside it is cut short. So is one in which a command came too late and the
        drives have braked meanwhile: the next one starts from what they hold.
        """
        before, ticks = self._path.setpoint, self._cell.rates.ticks
        rows = ticks - self._ticker.plant_ticks % ticks
        verdict, action = decide(self._ticker.state)
        segment = verdict.segment
        for q, dq in zip(segment.q[:rows], segment.dq[:rows], strict=True):
            self._ticker.send(JointCommand(q, dq, segment.gripper), verdict.reason or reason, action)
            action = None
            self._ticker.wait()
            self._ticker.check()
            if self._adopt(self._ticker.state):
                return
        if rows < ticks:
            self._path.setpoint = setpoint_after(before, segment.q[:rows], self._cell.rates.tick)

    def _adopt(self, state: CellState) -> bool:
        """Goes on from what the drives hold by themselves, if they do."""
        if state.held is None:
            return False
        self._path.setpoint = state.held
        return True

    def _decide(self, state: CellState) -> Decision:
        view = self._path.view(state)
        begin = self._clock.now()
        action = np.asarray(self._actor(self._path, view), dtype=np.float64)
        self._ticker.latencies["inference"].add(self._clock.now() - begin)
        verdict = self._path.command(action)
        if verdict.reason:
            self._interventions[verdict.reason] += 1
        return verdict, action

    def _brake(self) -> None:
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

    def _summary(self, wall: int, stopped: str | None) -> RunSummary:
        ticker, times, parts = self._ticker, self._times, self._outcomes.total()
        time = ticker.ticks * self._cell.rates.tick
        return RunSummary(
            parts=parts,
            placed=len(times),
            success=success_rate(len(times), parts),
            cycle_time_s=median_and_p95(times),
            parts_per_hour=3600.0 * len(times) / time if time else 0.0,
            failures=failures(self._outcomes),
            time_s=time,
            wall_s=wall / 1e9,
            overruns=self._clock.overruns,
            latency_us={name: values.summary_us() for name, values in ticker.latencies.items()},
            interventions=dict(self._interventions),
            stopped=stopped,
            gaps=ticker.gaps,
        )


def setpoint_after(before: Setpoint, q: Array, tick: float) -> Setpoint:
    """Where the positions ``q`` [n, 7] rad, one each ``tick`` s, lead from ``before``; as the safety kernel reckons."""
    positions = np.vstack([before.q, q])
    velocities = np.vstack([before.dq, np.diff(positions, axis=0) / tick])
    return Setpoint(positions[-1], velocities[-1], (velocities[-1] - velocities[-2]) / tick)
