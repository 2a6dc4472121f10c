from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from robocell_agents.statistics import (
    holm,
    interquartile_mean,
    lower_bound,
    mcnemar,
    median_and_p95,
    over_training_seeds,
    paired_difference,
)
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


@pytest.mark.parametrize(("failures", "trials"), [(0, 299), (1, 473), (2, 628), (5, 1049), (10, 1693)])
def test_lower_bound_certifies_99_percent_from_the_known_numbers_of_trials_on(failures, trials):
    assert lower_bound(trials - failures, trials) >= 0.99 > lower_bound(trials - 1 - failures, trials - 1)


def test_lower_bound_against_closed_forms_and_scipy():
    assert lower_bound(0, 10) == 0.0
    assert lower_bound(10, 10) == pytest.approx(0.05 ** (1 / 10))
    exact = stats.binomtest(45, 50, alternative="greater").proportion_ci(0.95, method="exact")
    assert lower_bound(45, 50) == pytest.approx(exact.low)
    assert lower_bound(45, 50, 0.99) < lower_bound(45, 50)
    with pytest.raises(ValueError, match="no bound"):
        lower_bound(0, 0)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holm_against_known_values(p_values, adjusted):
    assert holm(p_values) == pytest.approx(adjusted)


def test_interquartile_mean_cuts_a_quarter_off_either_end():
    assert interquartile_mean(np.array([7.0, 0.0, 1.0, 100.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(3.5)
    scores = np.random.default_rng(0).normal(size=(5, 9))
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=1))


def test_bootstrap_draws_training_seeds_within_each_task():
    """Seeds that agree on each task leave nothing uncertain, however far the tasks are apart."""
    certain = over_training_seeds(np.tile([0.2, 0.5, 0.8, 1.0], (5, 1)))
    assert certain == pytest.approx({"iqm": 0.65, "low": 0.65, "high": 0.65})


def test_bootstrap_interval_of_one_task_against_the_binomial():
    """The mean of the middle three of five seeds that are 0 or 1: the quantiles follow from the binomial law."""
    found = over_training_seeds(np.array([[0.0], [1.0], [1.0], [1.0], [1.0]]))
    assert found["iqm"] == 1.0 and found["high"] == 1.0
    ones = stats.binom(5, 0.8).ppf(0.025)  # 2: one of the middle three is a one
    assert found["low"] == pytest.approx((ones - 1) / 3)
