"""What a controller run amounts to: parts, success, cycle time, latencies, interventions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robocell_controller.statistics import wilson

PLACED = "placed"


@dataclass(frozen=True, slots=True)
class Cycle:
    """One part: how its cycle ended (``placed`` or a failure class) and how long it took, s."""

    outcome: str
    time_s: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Figures of one run.

    Attributes:
        parts: cycles that came to an end.
        placed: those that ended with the part in its place.
        success: ``rate``, Wilson 95 % interval ``low`` and ``high``, ``n``; None without a part.
        cycle_time_s: ``median`` and ``p95`` of the placed parts; None without one.
        parts_per_hour: placed parts per hour of the cell's time.
        failures: cycles by failure class.
        time_s: the cell's time, ticks × period.
        wall_s: time on the clock.
        overruns: deadlines missed.
        latency_us: ``p50``, ``p99``, ``p99_9`` and ``max`` of ``inference`` (the policy alone), ``tick``
            (from waking to the command) and ``wake`` (behind the deadline).
        interventions: policy periods in which the safety kernel or the guard stepped in, by reason.
        stopped: why the run ended early; None if it did not.
        gaps: ticks in which the drives had no command in time and braked by themselves.
        timing: in real time: ``granted`` by the system to each process, the ``guarantee`` that follows,
            ``command_lifetime_ms``, ``plant_missed`` deadlines and ``log_dropped`` frames; since the first cycle,
            ``collections`` of the garbage collector, and growth of the loop's memory: ``blocks`` and ``peak_kib``.
        kpis: see :class:`~robocell_controller.machine.kpi.Kpis`, times in s; None if it never started.
        acted: policy periods by who acted in them, see :class:`~robocell_controller.guard.supervisor.Level`; None of a
            run without supervision.
        signed_by: ``id``, ``name`` and ``kind`` of the key that answers for the policy; None for a program.
        log_fault: why the log ends before the run; None if it does not.
        rollout: what a policy of the store, a shadow or a canary has to tell; None without one.
    """

    parts: int
    placed: int
    success: dict[str, float] | None
    cycle_time_s: dict[str, float] | None
    parts_per_hour: float
    failures: dict[str, int]
    time_s: float
    wall_s: float
    overruns: int
    latency_us: dict[str, dict[str, float]]
    interventions: dict[str, int]
    stopped: str | None
    gaps: int = 0
    timing: dict[str, Any] | None = None
    kpis: dict[str, Any] | None = None
    acted: dict[str, int] | None = None
    signed_by: dict[str, str] | None = None
    rollout: dict[str, Any] | None = None
    log_fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)


def success_rate(successes: int, trials: int) -> dict[str, float] | None:
    """Rate with its Wilson 95 % interval; None without a trial."""
    if trials == 0:
        return None
    low, high = wilson(successes, trials)
    return {"rate": successes / trials, "low": low, "high": high, "n": trials}


def median_and_p95(values: Sequence[float]) -> dict[str, float] | None:
    """Median and 95th percentile; None without a value."""
    if not values:
        return None
    median, p95 = np.percentile(values, [50, 95])
    return {"median": float(median), "p95": float(p95)}


def failures(outcomes: Counter[str]) -> dict[str, int]:
    """Cycles by failure class, the most frequent first, of cycles by outcome."""
    return {outcome: number for outcome, number in outcomes.most_common() if outcome != PLACED}
