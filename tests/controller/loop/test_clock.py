from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from robocell_controller.latency import Latencies
from robocell_controller.loop.clock import DeadlineClock, FreeRunningClock, system_sleep

PERIOD = 8_000_000  # ns


class Time:
    """Time that passes only when told to; sleeps overshoot by the next of ``jitter`` ns."""

    def __init__(self, jitter: Sequence[int] = ()) -> None:
        self.now = 123
        self._jitter = iter(jitter)

    def source(self) -> int:
        return self.now

    def sleep_until(self, deadline: int) -> None:
        self.now = max(self.now, deadline) + next(self._jitter, 0)


def clock_on(time: Time) -> DeadlineClock:
    return DeadlineClock(PERIOD, time.source, time.sleep_until)


def test_jitter_and_work_do_not_accumulate() -> None:
    stream = np.random.default_rng(0)
    time = Time(stream.integers(0, PERIOD // 2, 10_001).tolist())
    clock, starts, lateness = clock_on(time), [], []
    for work in stream.integers(0, PERIOD // 2, 10_001).tolist():
        lateness.append(clock.wait())
        starts.append(time.now)
        time.now += work
    deadlines = np.array(starts) - lateness
    np.testing.assert_array_equal(deadlines, 123 + PERIOD * np.arange(10_001))
    assert clock.overruns == 0


@pytest.mark.parametrize(
    ("work", "missed", "late", "next_tick"),
    [
        (PERIOD - 1, 0, 0, 1),
        (PERIOD, 0, 0, 1),
        (PERIOD + 1, 1, 1, 1),
        (2 * PERIOD, 1, PERIOD, 2),
        (2 * PERIOD + 1, 2, PERIOD + 1, 2),
        (5 * PERIOD - 7, 4, 4 * PERIOD - 7, 4),
    ],
)
def test_an_overrun_is_counted_and_the_phase_kept(work: int, missed: int, late: int, next_tick: int) -> None:
    time = Time()
    clock = clock_on(time)
    clock.wait()
    time.now += work
    assert clock.wait() == late
    assert time.now == 123 + max(work, PERIOD)  # at once when late, else at the deadline
    assert clock.overruns == missed
    assert clock.wait() == 0
    assert time.now == 123 + (next_tick + 1) * PERIOD  # in phase, no burst
    assert clock.overruns == missed


def test_oversleeping_whole_periods_counts_them() -> None:
    time = Time([0, 2 * PERIOD + 5, 0])
    clock = clock_on(time)
    clock.wait()
    assert clock.wait() == 2 * PERIOD + 5
    assert clock.overruns == 2
    clock.wait()
    assert time.now == 123 + 4 * PERIOD


@pytest.mark.parametrize("ticks", [10**6, pytest.param(10**7, marks=pytest.mark.slow)])
def test_a_day_of_jitter_and_stalls_drifts_by_nothing_and_every_miss_is_counted(ticks: int) -> None:
    stream = np.random.default_rng(ticks)
    jitter = stream.integers(0, PERIOD // 2, ticks)
    work = stream.integers(0, PERIOD // 2, ticks)
    stalls = 20 * stream.choice(ticks // 20 - 1, 1000, replace=False) + 10  # far enough apart not to meet
    work[stalls] = stream.uniform(0.3 * PERIOD, 7.0 * PERIOD, 1000).astype(int)
    missed = np.maximum(-(-(jitter[stalls] + work[stalls] - PERIOD) // PERIOD), 0)  # of each stall
    skipped = np.maximum(missed - 1, 0)  # the last deadline it missed still gets its tick, late
    work[stalls + 1] = 0  # begun late, such a tick could miss the next deadline by its own work
    now, wakes = 0, jitter.tolist()

    def sleep_until(deadline: int) -> None:
        nonlocal now
        now = deadline + wakes[tick]

    clock = DeadlineClock(PERIOD, lambda: now, sleep_until, start=0)
    wait, phase = clock.wait, 0
    for tick, busy in enumerate(work.tolist()):  # noqa: B007 (sleep_until's)
        late = wait()
        phase |= (now - late) % PERIOD
        last = now - late
        now += busy
    assert phase == 0
    assert clock.overruns == missed.sum()
    assert last == (ticks - 1 + skipped.sum()) * PERIOD


def test_a_period_must_be_positive() -> None:
    with pytest.raises(ValueError, match="period of 0 ns"):
        DeadlineClock(0)


def test_the_free_running_clock_never_waits() -> None:
    clock = FreeRunningClock(time_source=lambda: 7)
    assert (clock.wait(), clock.now(), clock.overruns) == (0, 7, 0)


def test_the_systems_sleep_ends_no_earlier_than_asked() -> None:
    deadline = time.monotonic_ns() + 2_000_000
    system_sleep()(deadline)
    assert time.monotonic_ns() >= deadline


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="clock_nanosleep is Linux's")
def test_the_systems_sleep_does_not_wait_for_the_past() -> None:
    sleep = system_sleep()
    assert "absolute" in getattr(sleep, "func", sleep).__name__
    sleep(1)


@pytest.mark.parametrize("values", [[0], [5, 5, 5], list(range(1000)), [10**9, 3, 4 * 10**6, 2**62]])
def test_latency_quantiles_are_within_a_bucket_of_the_exact_ones(values: list[int]) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    for share in (0.01, 0.5, 0.99, 0.999, 1.0):
        exact = sorted(values)[max(int(np.ceil(share * len(values))) - 1, 0)]
        assert exact <= latencies.quantile(share) <= exact * (1 + 1 / 64)
    assert latencies.summary_us()["max"] == max(values) / 1e3
    quantiles = [latencies.quantile(share) for share in np.linspace(0, 1, 50)]
    assert all(low <= high for low, high in pairwise(quantiles))


def test_no_latency_is_zero() -> None:
    assert Latencies().summary_us() == {"p50": 0.0, "p99": 0.0, "p99_9": 0.0, "max": 0.0}
