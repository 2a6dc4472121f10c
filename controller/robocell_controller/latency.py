"""Latency statistics in fixed memory: a histogram whose buckets grow with the value."""

from __future__ import annotations

from math import ceil

_DIGITS = 6  # bits kept of a value: buckets are at most 1/64 wide, 1.6 %
_BUCKETS = (64 - _DIGITS + 1) << _DIGITS
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}


class Latencies:
    """Counts durations; adding one costs under a microsecond and never allocates."""

    def __init__(self) -> None:
        """Starts empty."""
        self.count = 0
        self.greatest = 0
        self._counts = [0] * _BUCKETS

    def add(self, duration: int) -> None:
        """Counts one ``duration``, ns, at least 0."""
        self.count += 1
        self.greatest = max(self.greatest, duration)
        shift = max(duration.bit_length() - _DIGITS - 1, 0)
        self._counts[(shift << _DIGITS) + (duration >> shift)] += 1

    def quantile(self, share: float) -> int:
        """Upper edge of the bucket that holds the quantile, ns; 0 when empty. Never below the exact value."""
        left = ceil(share * self.count)
        for bucket, count in enumerate(self._counts):
            left -= count
            if left <= 0 and self.count:
                return min(_upper_edge(bucket), self.greatest)
        return 0

    def summary_us(self) -> dict[str, float]:
        """``p50``, ``p99``, ``p99_9`` and ``max`` in µs."""
        quantiles = {name: self.quantile(share) / 1e3 for name, share in QUANTILES.items()}
        return {**quantiles, "max": self.greatest / 1e3}


def _upper_edge(bucket: int) -> int:
    """Greatest duration of a bucket."""
    shift = max((bucket >> _DIGITS) - 1, 0)
    return ((bucket - (shift << _DIGITS) + 1) << shift) - 1
