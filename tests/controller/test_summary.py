from __future__ import annotations

from collections import Counter

import pytest

from robocell_controller.statistics import wilson
from robocell_controller.summary import failures, median_and_p95, success_rate


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 1.0 - 0.1611, 1.0),  # by symmetry
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_matches_published_values(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_more_confidence_is_a_wider_interval() -> None:
    narrow, wide = wilson(40, 50, 0.8), wilson(40, 50, 0.99)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0)])
def test_wilson_refuses_what_cannot_be(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no interval"):
        wilson(*arguments)


def test_figures_of_nothing_are_none() -> None:
    assert success_rate(0, 0) is None
    assert median_and_p95([]) is None


def test_failures_are_counted_by_class() -> None:
    outcomes = Counter(["placed", "off_table", "time_limit", "time_limit"])
    assert list(failures(outcomes).items()) == [("time_limit", 2), ("off_table", 1)]
    assert median_and_p95([1.0, 2.0, 3.0]) == {"median": 2.0, "p95": pytest.approx(2.9)}
