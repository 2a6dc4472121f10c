"""The machine of a run: its PackML states as events, and the counts that its KPIs are made of; on the cell's clock."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from robocell_controller.loop.ticker import Ticker
from robocell_controller.machine.kpi import FinishedCycle, Kpis, StateChange, kpis
from robocell_controller.machine.packml import Cause, Command, Machine, State, StopCategory
from robocell_controller.summary import PLACED, Cycle


class Production:
    """Takes commands and finished cycles. Times are the plant's, so the same order gives the same KPIs."""

    def __init__(self, ticker: Ticker, tick: float, planned_run_time: float) -> None:
        """Takes what records the events, the controller period, s, and the planned run time of a part, s."""
        self._ticker, self._tick_ns = ticker, round(1e9 * tick)
        self._planned_ns = round(1e9 * planned_run_time)
        self._machine = Machine()
        # Arrays, so that a long run leaves no objects behind.
        self._states, self._entered = array("b"), array("q")
        self._ended, self._good, self._energy = array("q"), array("b"), array("d")
        self._spent = 0.0  # J, by the parts so far

    def wake(self) -> None:
        """The machine is on and stopped; sensor values are there."""
        self._enter()

    def take(self, *commands: Command, cause: Cause | None = None) -> None:
        """Commands for the machine one after the other; ``cause`` is the first one's."""
        for command in commands:
            self._machine = self._machine.take(command, cause)
            self._enter()
            cause = None

    def stop(self, cause: Cause) -> None:
        """Begins to stop, or to abort where the cause takes the power off."""
        if self._states:
            command = Command.STOP if cause.category is StopCategory.HOLD else Command.ABORT
            self.take(command, cause=cause)

    def stopped(self) -> None:
        """The arm stands."""
        if self._states:
            self.take(Command.DONE)

    def cycle(self, cycle: Cycle) -> None:
        """A part is finished."""
        now, energy = self._now(), self._ticker.energy_j - self._spent
        self._ended.append(now)
        self._good.append(cycle.outcome == PLACED)
        self._energy.append(energy)
        self._spent = self._ticker.energy_j
        self._ticker.event("cycle", outcome=cycle.outcome, time_s=cycle.time_s, time_ns=now, energy_j=energy)

    def kpis(self) -> dict[str, Any] | None:
        """The figures as JSON, times in s; None of a machine that never woke."""
        if not self._states:
            return None
        changes = [StateChange(time, State(state)) for time, state in zip(self._entered, self._states, strict=True)]
        cycles = zip(self._ended, map(bool, self._good), self._energy, strict=True)
        finished = (FinishedCycle(*cycle) for cycle in cycles)
        return _as_json(kpis(changes, finished, self._now(), self._planned_ns))

    def _enter(self) -> None:
        machine, now = self._machine, self._now()
        self._states.append(machine.state)
        self._entered.append(now)
        cause = {"cause": machine.cause.name, "code": machine.cause.code} if machine.cause else {}
        self._ticker.event("state", state=machine.state.name, time_ns=now, **cause)

    def _now(self) -> int:
        return self._ticker.plant_ticks * self._tick_ns


def kpis_of(events: Sequence[dict[str, Any]], planned_run_time: float) -> dict[str, Any] | None:
    """The same figures, from a run log's events, up to the last that has a time; None without a state among them."""
    changes = [StateChange(e["time_ns"], State[e["state"]]) for e in events if e["event"] == "state"]
    cycles = [
        FinishedCycle(e["time_ns"], e["outcome"] == PLACED, e["energy_j"]) for e in events if e["event"] == "cycle"
    ]
    if not changes:
        return None
    end = max([*(change.time_ns for change in changes), *(cycle.time_ns for cycle in cycles)])
    return _as_json(kpis(changes, cycles, end, round(1e9 * planned_run_time)))


def _as_json(found: Kpis) -> dict[str, Any]:
    figures = asdict(found)
    states = {state.name.lower(): 1e-9 * time for state, time in figures.pop("state_ns").items() if time}
    times = {name.replace("_ns", "_s"): 1e-9 * figures.pop(name) for name in list(figures) if name.endswith("_ns")}
    return {"state_s": states, **times, **figures}
