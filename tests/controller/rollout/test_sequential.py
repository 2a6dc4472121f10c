from __future__ import annotations

import numpy as np
import pytest

from robocell_controller.rollout.sequential import LEAST_CYCLES, Arm, success_ratio, time_ratio, verdict
from robocell_controller.rollout.simulate import Planted, simulate

ROLLOUTS = 200


def stopped(planted: Planted, ends: tuple[str, ...]) -> float:
    stream = np.random.default_rng(7)
    return sum(simulate(planted, stream)[0] in ends for _ in range(ROLLOUTS)) / ROLLOUTS


def test_a_candidate_ten_points_worse_is_stopped() -> None:
    assert stopped(Planted(0.97, 0.87), ("reject", "undecided")) >= 0.95


def test_an_equal_candidate_is_seldom_rejected() -> None:
    assert stopped(Planted(0.97, 0.97), ("reject", "undecided")) <= 0.05


def test_a_slower_candidate_is_stopped() -> None:
    assert stopped(Planted(0.97, 0.97, slower=0.1), ("reject",)) >= 0.95


def arm(good: int, bad: int, time_s: float = 1.7) -> Arm:
    result = Arm()
    for index in range(good):
        result.add(True, time_s + 0.01 * (index % 2))
    for _ in range(bad):
        result.add(False, 5.0)
    return result


def test_nothing_is_known_before_the_first_cycle() -> None:
    assert success_ratio(Arm(), Arm()) == pytest.approx(0.0)
    assert time_ratio(Arm(), Arm()) is None
    assert verdict(Arm(), Arm()) == "continue"


def test_a_candidate_that_only_fails_is_stopped_after_a_few_cycles() -> None:
    ends = [verdict(arm(n, 0), arm(0, n)) for n in range(1, 10)]
    assert ends.index("reject") < 5


def test_nothing_is_accepted_before_a_least_number_of_cycles() -> None:
    assert verdict(arm(LEAST_CYCLES - 1, 0), arm(LEAST_CYCLES - 1, 0)) == "continue"
    assert verdict(arm(200, 0), arm(200, 0)) == "accept"


def test_the_time_of_a_bad_cycle_says_nothing() -> None:
    assert time_ratio(arm(50, 9), arm(50, 9)) == time_ratio(arm(50, 0), arm(50, 0))


def test_identical_times_are_no_infinite_evidence() -> None:
    first, second = Arm(), Arm()
    for each in (first, second):
        for _ in range(20):
            each.add(True, 1.7)
    ratio = time_ratio(first, second)
    assert ratio is not None
    assert -200.0 < ratio < 0.0
