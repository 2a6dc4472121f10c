from __future__ import annotations

import pytest

from robocell_agents.statistics import mcnemar, median_and_p95, paired_difference
from robocell_controller.statistics import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "interval"),
    [
        (8, 10, (0.490162, 0.943318)),
        (495, 500, (0.976807, 0.995721)),
        (50, 50, (0.928652, 1.0)),
        (0, 20, (0.0, 0.161125)),
    ],
)
def test_wilson_against_known_intervals(successes, trials, interval):
    assert wilson(successes, trials) == pytest.approx(interval, abs=2e-6)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 8, 20 / 512), (8, 1, 20 / 512), (0, 6, 2 / 64), (59, 121, 4.434e-6)],
)
def test_mcnemar_against_the_binomial_tail(only_first, only_second, p_value):
    assert mcnemar(only_first, only_second) == pytest.approx(p_value, rel=1e-3)


def test_mcnemar_of_many_pairs_does_not_overflow():
    assert 0.0 < mcnemar(900, 1100) < 1e-4


def test_paired_difference_against_newcombe():
    """Example of Newcombe 1998, table of method 10: 36, 12, 2 and 0 pairs."""
    assert paired_difference(36, 12, 2, 0) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_paired_difference_shrinks_a_positive_correlation():
    """By hand: phi = (20·16 − 12·2 − 50/2) / √(32·18·22·28), and the Wilson intervals of 32 and 22 of 50."""
    (first_low, first_high), (second_low, second_high) = wilson(32, 50), wilson(22, 50)
    phi = 271 / (32 * 18 * 22 * 28) ** 0.5
    below, other = 0.64 - first_low, second_high - 0.44
    above, another = first_high - 0.64, 0.44 - second_low
    expected = (
        0.2,
        0.2 - (below**2 - 2 * phi * below * other + other**2) ** 0.5,
        0.2 + (above**2 - 2 * phi * above * another + another**2) ** 0.5,
    )
    assert paired_difference(20, 12, 2, 16) == pytest.approx(expected)


def test_paired_difference_changes_its_sign_with_the_order():
    difference, low, high = paired_difference(20, 12, 2, 16)
    assert paired_difference(20, 2, 12, 16) == pytest.approx((-difference, -high, -low))


def test_paired_difference_of_equal_perfect_policies_is_open_on_both_sides():
    difference, low, high = paired_difference(50, 0, 0, 0)
    assert difference == 0.0
    assert low == pytest.approx(-high) and 0.05 < high < 0.1


def test_median_and_p95():
    assert median_and_p95([float(value) for value in range(101)]) == {"median": 50.0, "p95": 95.0}
    assert median_and_p95([]) == {"median": None, "p95": None}
