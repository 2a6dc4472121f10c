from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robocell_controller.machine.kpi import FinishedCycle, StateChange, kpis
from robocell_controller.machine.packml import State

SECOND = 1_000_000_000


def shift() -> tuple[list[StateChange], list[FinishedCycle]]:
    """An hour and a half: half an hour without an order, 50 min in Execute, 10 min held."""
    minutes = [(0, State.STOPPED), (10, State.IDLE), (30, State.EXECUTE), (50, State.HELD), (60, State.EXECUTE)]
    changes = [StateChange(7 + 60 * minute * SECOND, state) for minute, state in minutes]
    cycles = [FinishedCycle(7 + 31 * 60 * SECOND + n, good=n % 10 != 0, energy_j=50.0) for n in range(1000)]
    return changes, cycles


def test_a_shift_worked_out_by_hand() -> None:
    changes, cycles = shift()
    found = kpis(changes, cycles, 7 + 90 * 60 * SECOND, planned_run_time_ns=2 * SECOND)
    assert found.wall_ns == 90 * 60 * SECOND
    assert found.planned_busy_ns == 60 * 60 * SECOND
    assert found.production_ns == 50 * 60 * SECOND
    assert found.state_ns[State.HELD] == 10 * 60 * SECOND
    assert (found.produced, found.good) == (1000, 900)
    assert found.availability == pytest.approx(50 / 60)
    assert found.effectiveness == pytest.approx(2 * 1000 / 3000)
    assert found.quality == pytest.approx(0.9)
    assert found.oee == pytest.approx(50 / 60 * 2 / 3 * 0.9)
    assert found.parts_per_hour == pytest.approx(900)
    assert found.energy_per_good_part_j == pytest.approx(50_000 / 900)


@pytest.mark.parametrize("state", State)
def test_what_counts_as_planned(state: State) -> None:
    found = kpis([StateChange(0, state)], [], 10, planned_run_time_ns=1)
    unplanned = state in (State.STOPPED, State.IDLE, State.RESETTING, State.COMPLETE)
    assert found.planned_busy_ns == (0 if unplanned else 10)
    assert found.production_ns == (10 if state is State.EXECUTE else 0)
    assert found.state_ns == {each: 10 if each is state else 0 for each in State}


def test_without_a_divisor_there_is_no_figure() -> None:
    nothing = kpis([StateChange(5, State.STOPPED)], [], 5, planned_run_time_ns=SECOND)
    assert (nothing.availability, nothing.effectiveness, nothing.quality, nothing.oee) == (None, None, None, None)
    assert (nothing.parts_per_hour, nothing.energy_per_good_part_j) == (None, None)
    idle = kpis([StateChange(5, State.HELD)], [], 10, planned_run_time_ns=SECOND)
    assert (idle.availability, idle.oee, idle.parts_per_hour) == (0.0, 0.0, 0.0)


def test_a_log_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no state change"):
        kpis([], [], 10, planned_run_time_ns=1)
    with pytest.raises(ValueError, match="backwards"):
        kpis([StateChange(5, State.IDLE)], [], 4, planned_run_time_ns=1)
    with pytest.raises(ValueError, match="backwards from 5 to 4"):
        kpis([StateChange(5, State.IDLE), StateChange(4, State.IDLE)], [], 9, planned_run_time_ns=1)


states = st.lists(st.tuples(st.integers(0, 10**15), st.sampled_from(State)), min_size=1, max_size=50)


@given(states, st.integers(0, 10**15), st.integers(1, 10**12), st.lists(st.booleans(), max_size=20))
def test_the_state_times_add_up_exactly(
    steps: list[tuple[int, State]], rest: int, planned: int, goods: list[bool]
) -> None:
    time, changes = 0, []
    for passed, state in steps:
        time += passed
        changes.append(StateChange(time, state))
    cycles = [FinishedCycle(time, good, 1.0) for good in goods]
    found = kpis(changes, cycles, time + rest, planned)
    assert sum(found.state_ns.values()) == found.wall_ns == time + rest - changes[0].time_ns
    factors = (found.availability, found.effectiveness, found.quality)
    if None not in factors:
        product = factors[0] * factors[1] * factors[2]
        assert found.oee == pytest.approx(product, rel=1e-12)
