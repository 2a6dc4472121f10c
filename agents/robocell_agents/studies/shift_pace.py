"""Pace over time in shifts with a change in the middle of them: when good parts were finished, and how many an hour."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

from robocell_agents.evaluation.evaluate import Row
from robocell_agents.studies.config import Study
from robocell_controller.contract import Array

_DIGITS = 2  # of a time, s: policy periods are 0.04 s
_RUNNING = 0.9  # share of the shifts that must still run, or the pace is that of the slow ones alone
_STEP_S = 0.5
Document = dict[str, Any]
Shift = dict[str, Any]


def shift_document(study: Study, name: str, rows_of: Callable[[str, str], list[Row]]) -> Document:
    """What ``study.json`` says of one change in mid-shift.

    Returns:
        ``at_s``: when it sets in; ``window_s``; for each of the ``entries`` good parts per hour ``before`` and
        ``after`` it, and its ``shifts``: length and times at which good parts were finished, s.
    """
    settings = study.config.shifts
    assert settings is not None  # the case comes from there
    at_s = settings.changes[name.partition("/")[2]].at_s
    entries = {}
    for entry in study.entries:
        shifts = [_shift(list(rows)) for _, rows in groupby(rows_of(name, entry), key=lambda row: row["seed"])]
        before, after = pace_around(shifts, at_s)
        entries[entry] = {"before": before, "after": after, "shifts": shifts}
    return {"at_s": at_s, "window_s": settings.window_s, "entries": entries}


def pace_around(shifts: list[Shift], at_s: float) -> tuple[float, float]:
    """Good parts per hour of all shifts together before and after ``at_s``; 0 where no shift was that long."""
    finished = np.concatenate([shift["good_s"] for shift in shifts])
    lengths = np.array([shift["length_s"] for shift in shifts])
    before, after = np.minimum(lengths, at_s).sum(), np.maximum(lengths - at_s, 0.0).sum()
    early = int((finished <= at_s).sum())
    return 3600.0 * early / float(before), 3600.0 * (finished.size - early) / float(after) if after else 0.0


def pace_over_time(shifts: list[Shift], window_s: float) -> tuple[Array, Array, Array]:
    """Good parts per hour in the ``window_s`` s up to each moment, as long as nearly all shifts run.

    Returns:
        Moments, s; mean over the shifts; half width of its 95 % interval (normal); all of shape [n].
    """
    lengths = np.array([shift["length_s"] for shift in shifts])
    end = float(np.quantile(lengths, 1.0 - _RUNNING))
    times = np.arange(window_s, max(end, window_s) + 1e-9, _STEP_S)
    counts = np.array([_in_window(np.array(shift["good_s"]), times, window_s) for shift in shifts])
    paces = np.where(lengths[:, None] >= times, counts, np.nan) * 3600.0 / window_s
    running = np.isfinite(paces).sum(axis=0)
    spread = np.nanstd(paces, axis=0, ddof=1) if len(shifts) > 1 else np.full(times.shape, np.nan)
    return times, np.nanmean(paces, axis=0), 1.96 * spread / np.sqrt(running)


def _shift(rows: list[Row]) -> Shift:
    """The turns of a shift follow each other without a gap, so their times add up."""
    ends = np.cumsum([row["time_s"] for row in rows])
    good = [round(float(end), _DIGITS) for end, row in zip(ends, rows, strict=True) if row["success"]]
    return {"length_s": round(float(ends[-1]), _DIGITS), "good_s": good}


def _in_window(finished: Array, times: Array, window_s: float) -> Array:
    """How many parts were finished in the window up to each moment."""
    until, before = (np.searchsorted(finished, end, "right") for end in (times, times - window_s))
    return np.subtract(until, before, dtype=np.float64)
