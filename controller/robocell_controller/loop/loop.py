"""The control loop: the one path around a clock, part after part, every tick checked and logged."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from robocell_controller.arm.motion import gripper_action
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import CellState, PermitLost, Plant, PlantError, StopPressed
from robocell_controller.guard.supervisor import Level
from robocell_controller.loop.clock import Clock
from robocell_controller.loop.periods import Actor, Decision, Periods
from robocell_controller.loop.production import Production
from robocell_controller.loop.run_log import Recorder
from robocell_controller.loop.ticker import StopRun, Ticker
from robocell_controller.machine.packml import Cause, Command, StopCategory
from robocell_controller.rights import no_collections
from robocell_controller.summary import PLACED, Cycle, RunSummary, failures, median_and_p95, success_rate

TIME_LIMIT, GIVEN_UP = UNFINISHED = "time_limit", "given_up"  # cycles that the plant never called finished
_RISE = np.array([0.0, 0.0, 1.0, 0.0, 1.0])  # up, fingers open
_NEARLY = 0.02  # m
_HOME_HEIGHT = 0.1  # m over the slot
_AT_HOME = 0.01  # rad
_RISING, _HOMING = 2.0, 10.0  # s at most; joint by joint no way takes longer than five
_TRIES = 3  # refused periods after which the arm goes home without rising first
_LONGEST = 200  # characters of an error in the log


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
            actor: who decides, see :func:`policy_actor`, :func:`program_actor` and, under supervision,
                :class:`~robocell_controller.rollout.supervised.Supervised`.
            clock: paces the ticks.
            recorder: gets every tick and every event.
            on_cycle: told each finished cycle.
        """
        self._cell, self._plant, self._clock, self._on_cycle = cell, plant, clock, on_cycle
        self._ticker = Ticker(cell, plant, clock, recorder)
        self._periods = Periods(cell, actor, self._ticker, clock)
        self._production = Production(self._ticker, cell.rates.tick, cell.planned_run_time_s)
        self._path = self._periods.path
        self._clear_height = (cell.motion.workspace_lower_m[2] + cell.motion.workspace_upper_m[2]) / 2
        self._rising, self._homing = (round(time * cell.rates.policy_hz) for time in (_RISING, _HOMING))  # periods
        self._outcomes: Counter[str] = Counter()
        self._times = array("d")  # of placed parts, s
        self._part = -1

    def request_stop(self, cause: str) -> None:
        """Asks for a controlled stop at the next tick; safe to call from a signal handler."""
        self._ticker.stop_cause = cause

    def run(self, parts: int) -> RunSummary:
        """Picks and places ``parts`` parts; may be called once. An error of its own stops the arm and is raised."""
        started = self._clock.now()
        with no_collections():
            stopped = self._run(parts)
        self._ticker.end()
        return self._summary(self._clock.now() - started, stopped)

    def _run(self, parts: int) -> str | None:
        """All cycles; why they ended early."""
        try:
            self._start()
            for index in range(parts):
                self._cycle(last=index == parts - 1)
        except StopRun as stop:
            return self._stop(stop.cause, str(stop))
        except StopPressed as error:
            return self._stop(Cause.EMERGENCY_STOP, str(error))
        except PermitLost as error:
            return self._stop(Cause.PERMIT_LOST, str(error))
        except PlantError as error:
            return self._stop(Cause.DRIVES_LOST, str(error))
        except Exception as error:
            self._stop(Cause.INTERNAL_FAULT, f"{type(error).__name__}: {error}"[:_LONGEST])
            raise
        self._production.take(Command.COMPLETE, Command.DONE)
        return None

    def _stop(self, cause: Cause, text: str) -> str:
        self._ticker.event("stop", cause=text, code=cause.code)
        self._production.stop(cause)
        if cause.category is not StopCategory.POWER_OFF:  # then the drives stop by themselves
            with suppress(PlantError):
                self._periods.brake()
        self._production.stopped()
        return text

    def _start(self) -> None:
        self._plant.present()
        self._ticker.wait()
        self._production.wake()
        self._production.take(Command.RESET, Command.DONE, Command.START)
        self._ticker.wait()  # a guardian hears of the loop by its first look, and permits before its second
        self._ticker.check()
        self._periods.start()
        self._part = self._ticker.state.cycle
        self._production.take(Command.DONE)

    def _cycle(self, last: bool) -> None:
        """One part, from its presentation to its outcome, the time limit, or a supervisor who gives it up."""
        begin, outcome, given_up = self._ticker.plant_ticks, None, False
        for left in reversed(range(self._cell.steps_per_cycle)):
            period = self._periods.play(self._periods.decide)
            outcome = self._plant.outcome()
            over = outcome is not None or left == 0
            ended = replace(period, cycle_begins=over, lost=over and outcome != PLACED)
            given_up = self._periods.supervise(ended) is Level.HOME
            if given_up or outcome is not None:
                break
        unfinished = GIVEN_UP if given_up else TIME_LIMIT
        cycle = Cycle(outcome or unfinished, (self._ticker.plant_ticks - begin) * self._cell.rates.tick)
        self._outcomes[cycle.outcome] += 1
        if cycle.outcome == PLACED:
            self._times.append(cycle.time_s)
        self._production.cycle(cycle)
        self._on_cycle(cycle)
        if not last:
            if given_up or cycle.outcome != PLACED:
                self._clear(supervised=given_up)
            self._next_part()

    def _rise(self, decide: Callable[[CellState], Decision]) -> None:
        """Plays what shall lead up over what stands in the cell, as long as that seems to be of use."""
        tries = _TRIES
        for _ in range(self._rising):
            if not tries or self._path.kinematics.pose(self._path.setpoint.q).position[2] > self._clear_height:
                break
            period = self._periods.play(decide, "clearing")
            tries -= bool(period.intervention)

    def _clear(self, supervised: bool) -> None:
        """After a failure: release, rise, and go home over the slot, whatever posture the failure has left.

        So the next part does not appear inside the hand, and the policy starts where it knows its way. Where the hand
        can't rise as it is, twisted or under the folded arm, the TCP makes for a point above home.

        Raises:
            StopRun: the arm does not get there, or the supervisor has seen enough of its way.
        """
        slot = self._ticker.state.slot_position
        above = np.array([*slot[:2], self._clear_height + _NEARLY])
        home = self._path.kinematics.inverse(slot + np.array([0.0, 0.0, _HOME_HEIGHT]), 0.0)
        self._rise(lambda state: (self._path.command(_RISE), _RISE))
        self._rise(lambda state: (self._path.escape(above), None))
        for _ in range(self._homing):
            period = self._periods.play(lambda state: (self._path.home(home), None), "clearing")
            there = bool(np.abs(home - self._path.setpoint.q).max() < _AT_HOME)
            if supervised:
                self._periods.supervise(replace(period, cycle_begins=there))
            if there:
                return
        raise StopRun(Cause.NO_CONTROLLER, "the arm does not come home")

    def _next_part(self) -> None:
        """Asks for a part and is suspended until it is there, which in lock-step with a simulation it is at once."""
        self._plant.present()
        self._ticker.read()
        self._periods.adopt()
        for waited in range(self._cell.steps_per_cycle):
            if self._ticker.state.cycle != self._part:
                self._part = self._ticker.state.cycle
                if waited:
                    self._production.take(Command.UNSUSPEND, Command.DONE)
                return
            if not waited:
                self._production.take(Command.SUSPEND, Command.DONE, cause=Cause.STARVED)
            self._periods.play(self._wait_for_part, "waiting for a part")
        raise StopRun(Cause.STARVED, "no part came")

    def _wait_for_part(self, _: CellState) -> Decision:
        stop = np.array([0.0, 0.0, 0.0, 0.0, gripper_action(self._path.gripper_command)])
        return self._path.command(stop), stop

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
            interventions=dict(self._periods.interventions),
            stopped=stopped,
            gaps=ticker.gaps,
            kpis=self._production.kpis(),
        )
