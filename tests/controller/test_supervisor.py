from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robocell_controller.cell import CellConfig
from robocell_controller.config import load
from robocell_controller.supervisor import Change, Level, Period, Supervision, supervise

CONFIG = load(CellConfig, "cells", "pick_place").load_guard().supervisor
GOOD, NEXT = Period(), Period(cycle_begins=True)
BAD, OUT, SILENT = Period(intervention="workspace"), Period(outside=True), Period(missing=True)
LOST = Period(cycle_begins=True, lost=True)
DOUBT = [BAD] * CONFIG.filter_after  # from the policy to the filtered policy
FALL = [BAD] * CONFIG.replace_after  # from the policy to the program


def play(periods: list[Period], now: Supervision | None = None) -> tuple[Supervision, list[Change]]:
    now, changes = now or Supervision(), []
    for period in periods:
        now, change = supervise(now, period, CONFIG)
        changes += [change] if change else []
    return now, changes


def cycles(count: int, first: Period = GOOD) -> list[Period]:
    return [period for _ in range(count) for period in (first, *[GOOD] * 40, NEXT)]


def test_a_sound_policy_stays() -> None:
    now, changes = play(cycles(20))
    assert (now.level, changes) == (Level.POLICY, [])


@pytest.mark.parametrize(
    ("trouble", "reason"), [(BAD, "workspace"), (OUT, "outside the training envelope"), (SILENT, "no action in time")]
)
def test_repeated_trouble_filters_the_policy(trouble: Period, reason: str) -> None:
    now, changes = play([trouble, GOOD] * (CONFIG.filter_after - 1))
    assert (now.level, changes) == (Level.POLICY, [])
    now, changes = play([trouble], now)
    assert now.level is Level.FILTERED
    assert changes == [Change(Level.POLICY, Level.FILTERED, reason)]


def test_lasting_trouble_brings_the_program() -> None:
    now, changes = play([BAD] * (CONFIG.replace_after - 1))
    assert now.level is Level.FILTERED
    now, changes = play([BAD, GOOD] * CONFIG.replace_after)
    assert now.level is Level.PROGRAM
    assert [change.after for change in changes] == [Level.FILTERED, Level.PROGRAM]


def test_trouble_older_than_the_window_is_forgotten() -> None:
    now, _ = play(([BAD] + [GOOD] * (CONFIG.window_periods // CONFIG.replace_after + 1)) * 8)
    assert now.level is Level.FILTERED
    now, _ = play(([BAD] + [GOOD] * (CONFIG.window_periods // CONFIG.replace_after - 1)) * 10)
    assert now.level is Level.PROGRAM


def test_a_lost_part_brings_the_program() -> None:
    for before, level in (([GOOD], Level.POLICY), ([*DOUBT, GOOD], Level.FILTERED)):
        now, changes = play([*before, LOST])
        assert changes[-1] == Change(level, Level.PROGRAM, "part lost")
        assert (now.in_cycle, now.dwell) == (0, CONFIG.first_dwell_cycles)
        assert play([LOST], now)[0].dwell == now.dwell  # the program's own loss is not the policy's


def test_no_policy_loses_more_than_five_parts_in_a_hundred() -> None:
    """All ways to lose a part or to place it without trouble, cycle by cycle; the program loses none."""
    most = {Supervision(): 0}  # parts lost at most on the way there
    for _ in range(100):
        after: dict[Supervision, int] = {}
        for now, lost in most.items():
            for last in (NEXT, LOST) if now.level is not Level.PROGRAM else (NEXT,):
                then, _ = play([last], now)
                then = replace(then, troubled=())
                after[then] = max(after.get(then, 0), lost + last.lost)
        most = after
    assert max(most.values()) == 5


def test_a_policy_that_loses_each_part_it_can_loses_three_in_a_hundred() -> None:
    now, lost = Supervision(), 0
    for _ in range(100):
        last = NEXT if now.level is Level.PROGRAM else LOST
        now, lost = supervise(now, last, CONFIG)[0], lost + last.lost
    assert lost == 3


def test_silence_on_end_brings_the_program_sooner() -> None:
    now, changes = play([GOOD] + [SILENT] * (CONFIG.silent_periods - 1) + [GOOD])
    assert (now.level, now.silent) == (Level.POLICY, 0)
    now, changes = play([SILENT] * CONFIG.silent_periods)
    assert now.level is Level.PROGRAM
    assert changes[-1] == Change(Level.POLICY, Level.PROGRAM, "no action in time")


def test_no_progress_brings_the_program_in_the_same_cycle() -> None:
    now, _ = play([GOOD] * (CONFIG.progress_periods - 1))
    assert now.level is Level.POLICY
    assert play([NEXT], now)[0].level is Level.POLICY
    now, changes = play([GOOD], now)
    assert changes == [Change(Level.POLICY, Level.PROGRAM, "no progress")]
    assert play([GOOD] * 1000, now)[0].level is Level.PROGRAM


def test_a_new_cycle_has_its_whole_time() -> None:
    half = CONFIG.progress_periods // 2
    assert play(([GOOD] * half + [NEXT]) * 10)[0].level is Level.POLICY


def test_the_program_is_not_blamed_for_the_policys_eyes() -> None:
    program, _ = play(FALL)
    now, changes = play([OUT, SILENT] * 50, program)
    assert (now.level, changes) == (Level.PROGRAM, [])


def test_trouble_under_the_program_stops_the_arm_for_good() -> None:
    program, _ = play(FALL)
    now, changes = play([BAD] * (CONFIG.stop_after - 1), program)
    assert now.level is Level.PROGRAM
    now, changes = play([BAD], now)
    assert changes == [Change(Level.PROGRAM, Level.STOP, "the program too: workspace")]
    for period in (GOOD, NEXT, BAD, OUT):
        assert supervise(now, period, CONFIG) == (now, None)


def test_the_policy_comes_back_only_at_a_cycles_begin_and_after_its_dwell() -> None:
    now, _ = play([*FALL, NEXT])  # what is left of the troubled cycle does not count
    assert (now.level, now.clean) == (Level.PROGRAM, 0)
    assert now.dwell == CONFIG.first_dwell_cycles
    now, changes = play(cycles(CONFIG.first_dwell_cycles)[:-1], now)
    assert (now.level, changes) == (Level.PROGRAM, [])
    now, changes = play([NEXT], now)
    assert changes == [Change(Level.PROGRAM, Level.POLICY, f"{CONFIG.first_dwell_cycles} clean cycles")]
    assert now.troubled == ()


def test_a_filtered_policy_comes_back_sooner() -> None:
    now, _ = play([*DOUBT, NEXT, *cycles(CONFIG.filtered_cycles)[:-1]])
    assert now.level is Level.FILTERED
    now, changes = play([NEXT], now)
    assert changes == [Change(Level.FILTERED, Level.POLICY, f"{CONFIG.filtered_cycles} clean cycles")]


def test_a_troubled_cycle_begins_the_dwell_anew() -> None:
    once, _ = play([*FALL, NEXT, *cycles(CONFIG.first_dwell_cycles)])
    now, _ = play([*FALL, NEXT, *cycles(CONFIG.dwell_cycles - 1), BAD, NEXT], once)
    assert (now.level, now.clean, now.dwell) == (Level.PROGRAM, 0, CONFIG.dwell_cycles)
    now, _ = play(cycles(CONFIG.dwell_cycles - 1), now)
    assert now.level is Level.PROGRAM
    assert play(cycles(1), now)[0].level is Level.POLICY


def test_each_relapse_doubles_the_dwell_up_to_the_longest() -> None:
    now, dwells = Supervision(), []
    for _ in range(7):
        now, _ = play([*FALL, NEXT], now)
        dwells.append(now.dwell)
        now, _ = play(cycles(now.dwell), now)
        assert now.level is Level.POLICY
    assert dwells == [1, 32, 64, 80, 80, 80, 80]
    now, _ = play(cycles(CONFIG.forgiven_cycles - 1, BAD), now)  # single troubles do not count
    assert now.dwell == 80
    assert play(cycles(1), now)[0].dwell == 0


def test_only_a_fall_to_the_program_is_a_relapse() -> None:
    assert play(DOUBT)[0].dwell == 0
    assert play(FALL)[0].dwell == CONFIG.first_dwell_cycles


def test_trouble_in_the_last_period_of_a_cycle_counts_for_that_cycle() -> None:
    now, changes = play([*[GOOD] * 50, *DOUBT[:-1], replace(BAD, cycle_begins=True)])
    assert (now.level, now.in_cycle, now.clean) == (Level.FILTERED, 0, 0)
    assert changes == [Change(Level.POLICY, Level.FILTERED, "workspace")]


anything = st.builds(
    Period,
    st.sampled_from(["", "", "", "workspace"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([False] * 9 + [True]),
)


@given(st.lists(anything, max_size=400))
@settings(max_examples=50, deadline=None)
def test_it_only_goes_up_at_a_cycles_begin_and_only_to_the_policy(periods: list[Period]) -> None:
    now = Supervision()
    for period in periods:
        after, change = supervise(now, period, CONFIG)
        assert (change is None) == (after.level is now.level)
        if change:
            assert (change.before, change.after) == (now.level, after.level)
            assert change.reason
            if change.after < change.before:
                assert period.cycle_begins
                assert change.after is Level.POLICY
        assert len(after.troubled) <= CONFIG.window_periods
        now = after
