"""``robocell bench kills``: runs in real time in which a process is killed or halted at a random moment.

What counts is the plant's own record of what its drives did and where its joints were, and what the log still holds.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from robocell_agents import provenance
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import Array
from robocell_controller.errors import ProcessDied
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.replay import replay
from robocell_controller.order import Order
from robocell_controller.processes.plant import TRACE
from robocell_controller.processes.session import Session
from robocell_controller.processes.shared_memory import Word
from robocell_controller.progress import progress_bar

TARGETS = ("loop", "plant", "guardian", "logger")  # the policy runs in the loop, and the plant is the link's far end
SIGNALS = ("SIGKILL", "SIGSTOP")
_WITHIN = (0.2, 1.2)  # s after the first tick
_WATCHED = 0.05  # s between two looks of the session
_LOG_LOSS = 1.0  # s of log that a blow may cost
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Blow:
    """What is struck, with which signal, and when (s after the plant's first tick)."""

    target: str
    signal: str
    delay: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; times in s.

    Attributes:
        ended: why the run ended early; None if it did not.
        stop_time: from the blow until the drives stood; None where the plant's record ends with the blow.
        bound: the computed stop time; 0 where the run ended before the blow.
        violations: ticks and joints outside the arm's limits.
        log_loss: from the last tick in the log to the blow; negative where the log went on.
        dropped: frames that the log misses in between.
        replayed: the log gives the same commands again, bit for bit.
    """

    ended: str | None
    stop_time: float | None
    bound: float
    violations: int
    log_loss: float
    dropped: int
    replayed: bool = True


def bench_kills(trials: int, seed: int) -> dict[str, Any]:
    """Strikes ``trials`` runs in turn: every target with every signal, moments drawn from ``seed``."""
    cell, moments = load(CellConfig, "cells", "pick_place"), np.random.default_rng(seed)
    kinds = [(target, name) for target in TARGETS for name in SIGNALS]
    blows = [Blow(*kinds[index % len(kinds)], float(moments.uniform(*_WITHIN))) for index in range(trials)]
    results = []
    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        bar = progress.add_task("bench kills", total=trials)
        for index, blow in enumerate(blows):
            results.append((blow, strike(cell, blow, Path(folder) / f"{index}.log")))
            progress.advance(bar)
    return {**provenance.record(), "seed": seed, "kinds": [_kind(kind, results) for kind in kinds]}


def strike(cell: CellConfig, blow: Blow, log: Path) -> Outcome:
    """One run of one part, one blow, and what the records say."""
    order = Order("program:guided", "pick_place", 1, True, round(blow.delay * 1e6), None)
    with Session(cell, order) as session:
        session.prepare(record=True)
        session.go(log, {"order": {"parts": 1}, "cell": cell.model_dump()})
        words, struck = session.layout.words, [0]

        def when_due(_: int) -> None:
            if struck[0] or not words[Word.CONTROLLER_BEAT]:
                return
            left = blow.delay - (time.monotonic_ns() - words[Word.ORIGIN]) * 1e-9
            if left < _WATCHED:
                time.sleep(max(0.0, left))
                struck[0] = time.monotonic_ns()
                session.processes[blow.target].signal(signal.Signals[blow.signal])

        try:
            ended: str | None = session.watch(when_due)["stopped"]
        except ProcessDied as error:
            ended = str(error)
    trace = np.array([TRACE.unpack(content) for content in session.layout.trace.waiting()])
    left_in_log = read_log(log)
    return Outcome(
        ended,
        *_stop(cell, trace, struck[0], words[Word.LIFETIME]),
        violations(cell, trace),
        (struck[0] - int(left_in_log.ticks["time_ns"][-1])) * 1e-9,
        left_in_log.dropped,
        replay(log).exact,
    )


def faults(blow: Blow, outcome: Outcome) -> list[str]:
    """What went wrong in a trial; nothing should."""
    if outcome.stop_time is None and outcome.bound == 0.0:
        return [f"ended before the blow: {outcome.ended}"]
    found = []
    if outcome.violations:
        found.append("limits violated")
    if outcome.dropped or outcome.log_loss > _LOG_LOSS:
        found.append("log lost")
    if not outcome.replayed:
        found.append("log does not replay")
    if blow.target == "logger":
        return found + ([f"stopped: {outcome.ended}"] if outcome.ended else [])
    if not outcome.ended:
        found.append("went on")
    if outcome.stop_time is None and (blow.target, blow.signal) != ("plant", "SIGKILL"):
        found.append("did not come to a stand")
    if outcome.stop_time is not None and outcome.stop_time > outcome.bound:
        found.append("stopped late")
    return found


def violations(cell: CellConfig, trace: Array) -> int:
    """Ticks and joints in which the drives' setpoints or the joints themselves were outside the arm's limits."""
    limits, tick = cell.load_robot().limits, cell.rates.tick
    q, measured = trace[:, 3:10], trace[:, 17:24]
    dq = np.diff(q, axis=0) / tick
    bounds = (
        (q, limits.lower, limits.upper),
        (measured, limits.lower, limits.upper),
        (dq, -limits.velocity, limits.velocity),
        (np.diff(dq, axis=0) / tick, -limits.acceleration, limits.acceleration),
    )
    return sum(
        int(((array < lower - _ROUNDING * np.abs(lower)) | (array > upper + _ROUNDING * np.abs(upper))).sum())
        for array, lower, upper in bounds
    )


def _stop(cell: CellConfig, trace: Array, struck: int, lifetime: int) -> tuple[float | None, float]:
    """Time to the stand after the blow, and what it may be: the drives' patience, then braking from their speed.

    They may still speed up while they are patient. While the plant does not run, nothing moves, and no time counts.
    """
    if not struck:
        return None, 0.0
    times, speeds = trace[:, 1], np.abs(trace[:, 10:17])
    after = times > struck
    late = float(np.diff(times[times > struck - 1e8]).max(initial=0.0)) * 1e-9
    fastest = speeds[np.flatnonzero(after)[0] - 1 :].max(initial=0.0, axis=0) if after.any() else speeds[-1]
    braking = float((fastest / cell.load_robot().limits.acceleration).max())
    bound = lifetime * 1e-9 + 2 * cell.rates.tick + braking + late
    if not after.any() or speeds[-1].any():
        return None, bound
    moving = np.flatnonzero(after & speeds.any(axis=1))
    return (float(times[moving[-1]] - struck) * 1e-9 if len(moving) else 0.0), bound


def _kind(kind: tuple[str, str], results: list[tuple[Blow, Outcome]]) -> dict[str, Any]:
    """What came of all blows of one kind."""
    own = [(blow, outcome) for blow, outcome in results if (blow.target, blow.signal) == kind]
    stops = [outcome for blow, outcome in own if outcome.stop_time is not None and blow.target != "logger"]
    return {
        "target": kind[0],
        "signal": kind[1],
        "trials": len(own),
        "limit_violations": sum(outcome.violations for _, outcome in own),
        "stop_time_s_max": max((outcome.stop_time or 0.0 for outcome in stops), default=None),
        "stop_time_of_bound_max": max(((outcome.stop_time or 0.0) / outcome.bound for outcome in stops), default=None),
        "log_loss_s_max": max((max(outcome.log_loss, 0.0) for _, outcome in own), default=None),
        "faults": dict(Counter(fault for blow, outcome in own for fault in faults(blow, outcome))),
    }


def kills_table(document: dict[str, Any]) -> Table:
    """The outcome for people."""
    table = Table("struck", "trials", "violations", "stop, longest", "of the bound", "log lost, most", "faults")
    for kind in document["kinds"]:
        stop = kind["stop_time_s_max"]
        table.add_row(
            f"{kind['target']}, {kind['signal']}",
            str(kind["trials"]),
            str(kind["limit_violations"]),
            "-" if stop is None else f"{1e3 * stop:.0f} ms",
            "-" if stop is None else f"{100 * kind['stop_time_of_bound_max']:.0f} %",
            "-" if kind["log_loss_s_max"] is None else f"{1e3 * kind['log_loss_s_max']:.0f} ms",
            ", ".join(f"{count} {name}" for name, count in kind["faults"].items()) or "none",
        )
    return table
