"""Statistics of evaluations: bounds and paired comparison of successes, many tests at once, several training seeds.

The interval of a single success rate is ``robocell_controller.statistics.wilson``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv

from robocell_controller.contract import Array
from robocell_controller.statistics import wilson

_RESAMPLES = 10_000
_RESAMPLING_SEED = 0  # the same scores give the same interval


def median_and_p95(values: Sequence[float]) -> dict[str, float | None]:
    """``median`` and ``p95`` (95th percentile, linear interpolation); None where there are no values."""
    if len(values) == 0:
        return {"median": None, "p95": None}
    median, p95 = np.percentile(np.asarray(values, dtype=np.float64), [50, 95])
    return {"median": float(median), "p95": float(p95)}


def lower_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson lower bound of a success rate: what is certified with that confidence.

    Exact: the quantile of a beta distribution (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        successes: number of successes.
        trials: number of independent trials, at least 1.
        confidence: one-sided, inside (0, 1).

    Raises:
        ValueError: not 0 <= successes <= trials, or no trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"no bound for {successes} successes in {trials} trials")
    return 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, 1.0 - confidence))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that all of them together err with the chance that one would.

    Holm's step-down method (Holm 1979, Scandinavian Journal of Statistics 6:65); in the order given.
    """
    adjusted, greatest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        greatest = max(greatest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = greatest
    return adjusted


def interquartile_mean(scores: Array) -> Array:
    """Mean of the middle half along the last axis: a quarter of the values, rounded down, is cut off at either end."""
    n = scores.shape[-1]
    middle: Array = np.sort(scores, axis=-1)[..., n // 4 : n - n // 4].mean(axis=-1)
    return middle


def over_training_seeds(scores: Array, confidence: float = 0.95) -> dict[str, float]:
    """What a recipe reaches across its training seeds: interquartile mean, and its stratified bootstrap interval.

    Percentile bootstrap that draws training seeds anew for each task (Agarwal et al. 2021, arXiv:2108.13264).

    Args:
        scores: of each training seed on each task, [seeds, tasks].
        confidence: coverage of the interval.

    Returns:
        ``iqm``, ``low`` and ``high``.
    """
    seeds, tasks = scores.shape
    picked = np.random.default_rng(_RESAMPLING_SEED).integers(seeds, size=(_RESAMPLES, seeds, tasks))
    drawn = interquartile_mean(scores[picked, np.arange(tasks)].reshape(_RESAMPLES, -1))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"iqm": float(interquartile_mean(scores.ravel())), "low": float(low), "high": float(high)}


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test.

    Under the null hypothesis each discordant pair falls either way with probability 1/2; the p-value is twice
    the binomial tail, at most 1 (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91).

    Args:
        only_first: pairs in which the first succeeded and the second failed.
        only_second: pairs in which the second succeeded and the first failed.
    """
    discordant = only_first + only_second
    tail = sum(math.comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def paired_difference(
    both: int, only_first: int, only_second: int, neither: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of two success rates on the same episodes (first − second) and its interval.

    Newcombe's square-and-add method for paired data, built from Wilson intervals, with the
    continuity-corrected correlation (method 10 of Newcombe 1998, Statistics in Medicine 17:2635).

    Args:
        both: pairs in which both succeeded.
        only_first: pairs in which only the first did.
        only_second: pairs in which only the second did.
        neither: pairs in which both failed.
        confidence: coverage of the interval.

    Returns:
        Difference, lower and upper bound, each in [-1, 1].
    """
    n = both + only_first + only_second + neither
    first, second = (both + only_first) / n, (both + only_second) / n
    first_low, first_high = wilson(both + only_first, n, confidence)
    second_low, second_high = wilson(both + only_second, n, confidence)
    phi = _correlation(both, only_first, only_second, neither)
    difference = first - second
    below = _spread(first - first_low, second_high - second, phi)
    above = _spread(first_high - first, second - second_low, phi)
    return difference, max(-1.0, difference - below), min(1.0, difference + above)


def _spread(a: float, b: float, phi: float) -> float:
    """Half width from two half widths whose estimates have correlation ``phi``."""
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Phi coefficient of the fourfold table, a positive one shrunk by Newcombe's continuity correction."""
    n = both + only_first + only_second + neither
    margins = math.prod((both + only_first, only_second + neither, both + only_second, only_first + neither))
    if margins == 0:
        return 0.0
    product = both * neither - only_first * only_second
    return (max(product - n / 2, 0.0) if product > 0 else product) / math.sqrt(margins)
