"""Statistics that the controller's summary and evaluation share: the interval of a success rate."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a success rate.

    Unlike the normal approximation it stays inside [0, 1] and is honest at 0 and at 100 %. Source:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22:209 (1927).

    Args:
        successes: number of successes.
        trials: number of independent trials; none leave everything open, (0, 1).
        confidence: two-sided, inside (0, 1).

    Returns:
        Lower and upper bound of the rate.

    Raises:
        ValueError: not 0 <= successes <= trials, or ``confidence`` outside (0, 1).
    """
    if not (0 <= successes <= trials and 0.0 < confidence < 1.0):
        raise ValueError(f"no interval of {confidence} for {successes} successes in {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    rate = successes / trials
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = sqrt(z2 * (rate * (1 - rate) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else centre - half  # exact where rounding would leave 1e-17
    high = 1.0 if successes == trials else centre + half
    return low, high
