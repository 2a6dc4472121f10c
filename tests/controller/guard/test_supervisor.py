from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.guard.supervisor import Change, Level, Period, Supervision, supervise

CONFIG = load(CellConfig, "cells", "pick_place").load_guard().supervisor
GOOD, NEXT = Period(), Period(cycle_begins=True)
BAD, OUT, SILENT = Period(intervention="workspace"), Period(outside=True), Period(missing=True)
LOST = Period(cycle_begins=True, lost=True)
DOUBT = [BAD] * CONFIG.filter_after  # from the policy to the filtered policy
FALL = [BAD] * CONFIG.replace_after  # from the policy to the program
GIVEN_UP = [*[BAD] * CONFIG.give_up_after, NEXT]  # from the program home and back


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
        assert (now.in_cycle, now.falls) == (0, (0,))
        assert play([LOST], now)[0].falls == (1,)  # the program's own loss is not the policy's


def losses(rate: float, count: int) -> tuple[list[int], float]:
    """The cycles in which a policy that loses parts at ``rate`` does so, and the share of cycles that it acts in."""
    now, lost, acted, draws = Supervision(), [], 0, np.random.default_rng(0).random(count)
    for cycle, draw in enumerate(draws.tolist()):
        learned = now.level is not Level.PROGRAM
        loses = learned and draw < rate
        acted += learned
        lost += [cycle] if loses else []
        now, _ = supervise(now, LOST if loses else NEXT, CONFIG)
    return lost, acted / count


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 1.0])
def test_no_policy_loses_more_than_three_parts_in_any_hundred(rate: float) -> None:
    lost, _ = losses(rate, 5000)
    assert min(fourth - first for first, fourth in zip(lost, lost[3:], strict=False)) > 100


def test_whatever_a_policy_makes_of_the_rules_it_falls_three_times_at_most() -> None:
    """All ways to lose a part or to place it, cycle by cycle, in short: a memory of 20 cycles, relapses within 2."""
    config = CONFIG.model_copy(update={"memory_cycles": 20, "relapse_cycles": 2})
    most = {Supervision(): 0}  # parts lost at most on the way there
    for _ in range(20):
        after: dict[Supervision, int] = {}
        for now, lost in most.items():
            for last in (NEXT, LOST) if now.level is not Level.PROGRAM else (NEXT,):
                then, _ = supervise(now, last, config)
                then = replace(then, troubled=())
                after[then] = max(after.get(then, 0), lost + last.lost)
        most = after
    assert max(most.values()) == 3


def test_a_policy_that_loses_each_part_it_can_loses_two_in_a_hundred() -> None:
    lost, _ = losses(1.0, 300)
    assert lost == [0, 2, 101, 103, 202, 204]


def test_a_sound_policy_that_loses_one_part_in_a_hundred_acts_most_of_the_time() -> None:
    _, share = losses(0.01, 50_000)
    assert share > 0.85


def test_silence_on_end_brings_the_program_sooner() -> None:
    now, changes = play([GOOD] + [SILENT] * (CONFIG.silent_periods - 1) + [GOOD])
    assert (now.level, now.silent) == (Level.POLICY, 0)
    now, changes = play([SILENT] * CONFIG.silent_periods)
    assert now.level is Level.PROGRAM
    assert changes[-1] == Change(Level.POLICY, Level.PROGRAM, "no action in time")


def test_silence_counts_on_when_it_filters_the_policy() -> None:
    now, _ = play([BAD] * (CONFIG.filter_after - 2) + [SILENT] * 2)
    assert now.level is Level.FILTERED
    now, changes = play([SILENT] * (CONFIG.silent_periods - 2), now)
    assert changes == [Change(Level.FILTERED, Level.PROGRAM, "no action in time")]


def test_no_progress_brings_the_program_in_the_same_cycle() -> None:
    now, _ = play([GOOD] * (CONFIG.progress_periods - 1))
    assert now.level is Level.POLICY
    assert play([NEXT], now)[0].level is Level.POLICY
    now, changes = play([GOOD], now)
    assert changes == [Change(Level.POLICY, Level.PROGRAM, "no progress")]
    assert play([GOOD] * 1000, now)[0].level is Level.PROGRAM


def test_a_policy_that_is_filtered_gets_no_more_time_for_its_cycle() -> None:
    now, _ = play([*[GOOD] * (CONFIG.progress_periods - 1 - len(DOUBT)), *DOUBT])
    assert now.level is Level.FILTERED
    assert play([GOOD], now)[1] == [Change(Level.FILTERED, Level.PROGRAM, "no progress")]


def test_a_new_cycle_has_its_whole_time() -> None:
    now, _ = play([*[GOOD] * 20, NEXT, *[GOOD] * (CONFIG.progress_periods - 1)])
    assert now.level is Level.POLICY
    assert play([GOOD], now)[0].level is Level.PROGRAM


def test_the_program_is_not_blamed_for_the_policys_eyes() -> None:
    program, _ = play(FALL)
    now, changes = play([OUT, SILENT] * 50, program)
    assert (now.level, changes) == (Level.PROGRAM, [])


def test_trouble_under_the_program_gives_the_part_up() -> None:
    program, _ = play(FALL)
    now, changes = play([BAD] * (CONFIG.give_up_after - 1), program)
    assert now.level is Level.PROGRAM
    now, changes = play([BAD], now)
    assert changes == [Change(Level.PROGRAM, Level.HOME, "the program too: workspace")]
    now, changes = play([*[BAD] * (CONFIG.give_up_after - 1), *[GOOD] * 40, OUT, SILENT], now)
    assert (now.level, changes) == (Level.HOME, [])
    now, changes = play([NEXT], now)
    assert changes == [Change(Level.HOME, Level.PROGRAM, "home")]
    assert (now.troubled, now.in_cycle, now.clean, now.cycle_clean, now.lost) == ((), 0, 0, True, 1)


def test_after_a_part_that_was_given_up_the_policy_comes_back_as_after_any_fall() -> None:
    now, _ = play([*FALL, *GIVEN_UP, *cycles(CONFIG.dwell_cycles)[:-1]])
    assert now.level is Level.PROGRAM
    assert play([NEXT], now)[0].level is Level.POLICY


def test_trouble_on_the_way_home_stops_the_arm_for_good() -> None:
    now, _ = play([*FALL, *GIVEN_UP[:-1]])
    now, changes = play([BAD] * CONFIG.give_up_after, now)
    assert changes == [Change(Level.HOME, Level.STOP, "the way home too: workspace")]
    for period in (GOOD, NEXT, BAD, OUT):
        assert supervise(now, period, CONFIG) == (now, None)


def test_the_way_home_is_no_clean_cycle() -> None:
    """Not even where the part was given up in the last period of a cycle."""
    now, _ = play([*FALL, *[BAD] * (CONFIG.give_up_after - 1), replace(BAD, cycle_begins=True)])
    assert now.level is Level.HOME
    now, _ = play([GOOD, NEXT], now)
    assert (now.level, now.clean) == (Level.PROGRAM, 0)


@pytest.mark.parametrize(("cycle", "level"), [([GOOD] * 9 + [LOST], Level.PROGRAM), (GIVEN_UP, Level.HOME)])
def test_a_program_that_loses_part_after_part_stops(cycle: list[Period], level: Level) -> None:
    ordered = Supervision(Level.PROGRAM, ordered=True)
    now, changes = play([*cycle * (CONFIG.most_lost - 1), NEXT, *cycle * (CONFIG.most_lost - 1)], ordered)
    assert (now.level, now.lost) == (Level.PROGRAM, CONFIG.most_lost - 1)
    now, changes = play(cycle, now)
    assert changes[-1] == Change(level, Level.STOP, f"{CONFIG.most_lost} parts on end lost")
    assert supervise(now, NEXT, CONFIG) == (now, None)


def test_parts_that_the_policy_loses_are_not_the_programs() -> None:
    assert play([LOST])[0].lost == 0
    now, _ = play([LOST] * 5)  # the policy's, the program's, the policy's, which is barred now, two of the program's
    assert (now.level, now.lost) == (Level.STOP, CONFIG.most_lost)


def test_the_policy_comes_back_only_at_a_cycles_begin_and_after_its_dwell() -> None:
    now, _ = play([*FALL, NEXT])  # what is left of the troubled cycle does not count
    assert (now.level, now.clean) == (Level.PROGRAM, 0)
    now, changes = play(cycles(CONFIG.dwell_cycles)[:-1], now)
    assert (now.level, changes) == (Level.PROGRAM, [])
    now, changes = play([NEXT], now)
    assert changes == [Change(Level.PROGRAM, Level.POLICY, f"{CONFIG.dwell_cycles} clean cycles")]
    assert now.troubled == ()


def test_a_filtered_policy_comes_back_sooner() -> None:
    now, _ = play([*DOUBT, NEXT, *cycles(CONFIG.filtered_cycles)[:-1]])
    assert now.level is Level.FILTERED
    now, changes = play([NEXT], now)
    assert changes == [Change(Level.FILTERED, Level.POLICY, f"{CONFIG.filtered_cycles} clean cycles")]


def test_a_troubled_cycle_begins_the_dwell_anew() -> None:
    now, _ = play([*FALL, NEXT, *cycles(CONFIG.dwell_cycles - 1), BAD, NEXT])
    assert (now.level, now.clean) == (Level.PROGRAM, 0)
    now, _ = play(cycles(CONFIG.dwell_cycles), now)
    assert now.level is Level.POLICY


@pytest.mark.parametrize("between", [[2], [10], [11, 11], [11, 60]])
def test_a_policy_that_falls_too_often_is_barred_until_the_first_fall_is_forgotten(between: list[int]) -> None:
    now, _ = play([LOST])
    for apart in between:
        now, _ = play([NEXT] * (apart - 1), now)
        assert now.level is Level.POLICY
        now, _ = play([LOST], now)
    left = CONFIG.memory_cycles - sum(between)
    now, changes = play([NEXT] * (left - 1), now)
    assert (now.level, changes) == (Level.PROGRAM, [])
    now, _ = play([NEXT], now)
    assert now.level is Level.POLICY


@pytest.mark.parametrize("between", [[11], [11, 89], [60, 40]])
def test_falls_far_from_each_other_cost_the_policy_the_dwell_only(between: list[int]) -> None:
    now, _ = play([LOST])
    for apart in between:
        now, _ = play([*[NEXT] * (apart - 1), LOST], now)
    assert now.level is Level.PROGRAM
    assert play([NEXT] * CONFIG.dwell_cycles, now)[0].level is Level.POLICY


def test_a_program_that_was_ordered_stays() -> None:
    now, changes = play(cycles(200), Supervision(Level.PROGRAM, ordered=True))
    assert (now.level, changes) == (Level.PROGRAM, [])


def test_only_a_fall_to_the_program_counts_as_one() -> None:
    assert play(DOUBT)[0].falls == ()
    assert play(FALL)[0].falls == (0,)


def test_trouble_in_the_last_period_of_a_cycle_counts_for_that_cycle() -> None:
    now, changes = play([*cycles(3), *[GOOD] * 50, *DOUBT[:-1], replace(BAD, cycle_begins=True)])
    assert (now.level, now.in_cycle, now.clean) == (Level.FILTERED, 0, 0)
    assert changes == [Change(Level.POLICY, Level.FILTERED, "workspace")]
    now, _ = play(cycles(CONFIG.filtered_cycles), now)
    assert now.level is Level.POLICY


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
def test_it_only_goes_up_at_a_cycles_begin_to_the_policy_or_from_home_to_the_program(periods: list[Period]) -> None:
    now = Supervision()
    for period in periods:
        after, change = supervise(now, period, CONFIG)
        assert (change is None) == (after.level is now.level)
        if change:
            assert (change.before, change.after) == (now.level, after.level)
            assert change.reason
            if change.after < change.before:
                assert period.cycle_begins
                assert change.after is (Level.PROGRAM if change.before is Level.HOME else Level.POLICY)
        assert len(after.troubled) <= CONFIG.window_periods
        now = after
