"""A sequential test of a candidate against the policy in use: looks after every cycle, stops as soon as it may.

Hypotheses, for good parts: *equal* or better, a rate of success of at least the active one's, p; *worse*, p − 0.10 at
most. For cycle times of good parts: *equal* means; *slower* by 10 %. Both are tested by the ratio of the greatest
likelihoods under either hypothesis, with Wald's bounds (A. Wald, Sequential Tests of Statistical Hypotheses, Annals of
Mathematical Statistics 16, 1945). Nuisance parameters are maximised over, so the bounds hold approximately;
``robocell bench canary`` counts the errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

WORSE_BY = 0.10  # of the rate of success
SLOWER_BY = 0.10  # of the mean cycle time
FALSE_REJECTION, FALSE_ACCEPTANCE = 0.01, 0.01  # of each of the two tests
LEAST_CYCLES = 20  # of each arm, before anything is accepted
MOST_CYCLES = 600  # of each arm; who has not shown by then to be as good is not promoted

Verdict = Literal["continue", "accept", "reject", "undecided"]
_REJECT = math.log((1.0 - FALSE_ACCEPTANCE) / FALSE_REJECTION)
_ACCEPT = math.log(FALSE_ACCEPTANCE / (1.0 - FALSE_REJECTION))
_LEAST_RATE = 1e-3  # nothing is quite impossible
_RATES = np.linspace(WORSE_BY + _LEAST_RATE, 1.0 - _LEAST_RATE, 200)  # grid of p
_LEAST_TIMES = 10  # of each arm, before cycle times are compared

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Arm:
    """What one policy has shown."""

    cycles: int = 0
    good: int = 0
    times_s: list[float] = field(default_factory=list)

    def add(self, good: bool, time_s: float) -> None:
        """Counts a cycle; the time of a bad one says nothing."""
        self.cycles += 1
        if good:
            self.good += 1
            self.times_s.append(time_s)


def verdict(active: Arm, candidate: Arm) -> Verdict:
    """What is known after these cycles: the candidate is rejected if either test says so, accepted if both do."""
    ratios = (success_ratio(active, candidate), time_ratio(active, candidate))
    if any(ratio is not None and ratio >= _REJECT for ratio in ratios):
        return "reject"
    enough = min(active.cycles, candidate.cycles) >= LEAST_CYCLES
    if enough and all(ratio is not None and ratio <= _ACCEPT for ratio in ratios):
        return "accept"
    return "undecided" if min(active.cycles, candidate.cycles) >= MOST_CYCLES else "continue"


def success_ratio(active: Arm, candidate: Arm) -> float:
    """Logarithm of the likelihood of *worse* over that of *equal*."""
    seen = candidate.good / max(candidate.cycles, 1)
    worse = _log_likelihood(active, _RATES) + _log_likelihood(candidate, np.minimum(seen, _RATES - WORSE_BY))
    equal = _log_likelihood(active, _RATES) + _log_likelihood(candidate, np.maximum(seen, _RATES))
    return float(worse.max() - equal.max())


def time_ratio(active: Arm, candidate: Arm) -> float | None:
    """The same of *slower* over *equal*, for normal times of one unknown spread; None with too few times."""
    n, m = len(active.times_s), len(candidate.times_s)
    if min(n, m) < _LEAST_TIMES:
        return None
    first, second = np.array(active.times_s), np.array(candidate.times_s)
    shift = SLOWER_BY * float(first.mean())
    within = float(((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum())
    weight, difference = n * m / (n + m), float(second.mean() - first.mean())
    floor = (n + m) * (1e-3 * float(first.mean())) ** 2  # times that don't differ at all prove no infinite certainty
    equal = within + floor + weight * difference**2
    slower = within + floor + weight * (difference - shift) ** 2
    return 0.5 * (n + m) * math.log(equal / slower)


def _log_likelihood(arm: Arm, rates: Array) -> Array:
    rates = np.clip(rates, _LEAST_RATE, 1.0 - _LEAST_RATE)
    result: Array = arm.good * np.log(rates) + (arm.cycles - arm.good) * np.log1p(-rates)
    return result
