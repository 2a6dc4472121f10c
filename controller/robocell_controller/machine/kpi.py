"""KPIs in the terms of ISO 22400, from the event log alone: state changes and finished cycles, in integer ns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from robocell_controller.machine.packml import State

_HOUR = 3_600_000_000_000  # ns
_UNPLANNED = frozenset({State.STOPPED, State.IDLE, State.RESETTING, State.COMPLETE})  # nobody asked for parts


@dataclass(frozen=True, slots=True)
class StateChange:
    """The machine has come into ``state`` at ``time_ns``."""

    time_ns: int
    state: State


@dataclass(frozen=True, slots=True)
class FinishedCycle:
    """One part: when its cycle ended, whether it is good, and the energy it took, J."""

    time_ns: int
    good: bool
    energy_j: float


@dataclass(frozen=True, slots=True)
class Kpis:
    """Figures of one stretch of time; ratios are None where their divisor is 0.

    Attributes:
        state_ns: time in each state; they add up to ``wall_ns`` exactly.
        wall_ns: from the first state change to the end.
        planned_busy_ns: PBT, planned busy time: all but the states in which no production is asked for.
        production_ns: APT, actual production time: in Execute.
        produced: PQ, produced quantity.
        good: GQ, good quantity.
        availability: APT / PBT.
        effectiveness: PRI · PQ / APT, with PRI the planned run time per item.
        quality: quality ratio, GQ / PQ.
        oee: OEE index, availability × effectiveness × quality. Not to be averaged over machines: add up the counts.
        parts_per_hour: good parts per hour of planned busy time.
        energy_per_good_part_j: energy of all parts, bad ones too, for each good one.
    """

    state_ns: dict[State, int]
    wall_ns: int
    planned_busy_ns: int
    production_ns: int
    produced: int
    good: int
    availability: float | None
    effectiveness: float | None
    quality: float | None
    oee: float | None
    parts_per_hour: float | None
    energy_per_good_part_j: float | None


def kpis(
    changes: Sequence[StateChange], cycles: Iterable[FinishedCycle], end_ns: int, planned_run_time_ns: int
) -> Kpis:
    """Folds an event log.

    Args:
        changes: in the order of their times; the first opens the log.
        cycles: finished in this time.
        end_ns: when the log ends.
        planned_run_time_ns: PRI, planned run time per item.

    Raises:
        ValueError: no state change, or times that run backwards.
    """
    state_ns = _state_times(changes, end_ns)
    finished = list(cycles)
    produced, good = len(finished), sum(cycle.good for cycle in finished)
    wall = end_ns - changes[0].time_ns
    busy = wall - sum(state_ns[state] for state in _UNPLANNED)
    production = state_ns[State.EXECUTE]
    # The factors cancel where one of them has no value: nothing produced is an OEE of 0, not of nothing.
    return Kpis(
        state_ns=state_ns,
        wall_ns=wall,
        planned_busy_ns=busy,
        production_ns=production,
        produced=produced,
        good=good,
        availability=_ratio(production, busy),
        effectiveness=_ratio(planned_run_time_ns * produced, production),
        quality=_ratio(good, produced),
        oee=_ratio(planned_run_time_ns * good, busy),
        parts_per_hour=_ratio(good * _HOUR, busy),
        energy_per_good_part_j=_ratio(sum(cycle.energy_j for cycle in finished), good),
    )


def _state_times(changes: Sequence[StateChange], end_ns: int) -> dict[State, int]:
    if not changes:
        raise ValueError("no state change in the log")
    times = [*(change.time_ns for change in changes), end_ns]
    state_ns = dict.fromkeys(State, 0)
    for change, (begin, end) in zip(changes, pairwise(times), strict=True):
        if end < begin:
            raise ValueError(f"time runs backwards from {begin} to {end} ns")
        state_ns[change.state] += end - begin
    return state_ns


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
