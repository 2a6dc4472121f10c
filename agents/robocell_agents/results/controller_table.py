"""The table of ``docs/controller.md``: the loop under load, blows, hostile ticks, and a shift in real time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robocell_agents.files import read_json
from robocell_agents.pages.tables import markdown_table

CONTROLLER_FILES = {
    "bench_loop.json": "what robocell bench loop --json prints",
    "bench_kills.json": "what robocell bench kills --json prints",
    "fuzz_guard.json": "what tests/controller/adversaries.py prints",
    "realtime_shift.json": "what robocell run --realtime --json prints",
}

Document = dict[str, Any]


def controller_table(folder: Path) -> str:
    """Markdown, from the files of ``folder`` that :data:`CONTROLLER_FILES` names."""
    loop, kills, fuzz, shift = (read_json(folder / name, what) for name, what in CONTROLLER_FILES.items())
    rows = [*_loop(loop), *_kills(kills["kinds"]), *_fuzz(fuzz), *_shift(shift)]
    return markdown_table([["", "measured", "asked"], *rows])


def _loop(loop: Document) -> Iterator[list[str]]:
    latency, against = loop["latency_us"], loop["sb3_against_ours"]
    for name, what, asked in (("wake", "wakes, late by", 1), ("tick", "a tick takes", 2)):
        values = latency[name]
        measured = f"{values['p50']:.0f} µs at p50, {values['p99_9']:.0f} at p99.9, {values['max']:.0f} at worst"
        yield [what, measured, f"p99.9 ≤ {asked} ms"]
    busy = loop["hardware"]["busy_processes"]
    yield ["ticks missed", f"{loop['missed']} of {loop['ticks']}, {busy} busy processes", "0"]
    measured = f"{against['p50']:.1f}× at p50, {against['p99']:.1f}× at p99"
    yield ["a paced inference of SB3 against one of the bundle", measured, "≥ 5×"]


def _kills(kinds: list[Document]) -> Iterator[list[str]]:
    trials, faults = sum(kind["trials"] for kind in kinds), sum(sum(kind["faults"].values()) for kind in kinds)
    shares = [kind["stop_time_of_bound_max"] for kind in kinds if kind["stop_time_of_bound_max"] is not None]
    lost = max(kind["log_loss_s_max"] or 0.0 for kind in kinds)
    yield ["processes killed or halted: with a fault", f"{faults} of {trials}", "0"]
    yield ["ticks outside the arm's limits after it", str(sum(kind["limit_violations"] for kind in kinds)), "0"]
    yield ["longest stop, of what was computed for it", f"{100 * max(shares):.0f} %", "≤ 100 %"]
    yield ["most of the log that was lost", f"{1e3 * lost:.0f} ms", "≤ 1 s"]


def _fuzz(fuzz: Document) -> Iterator[list[str]]:
    broken = ", ".join(fuzz["violations"]) or "none"
    yield [f"limits broken in {fuzz['ticks']} hostile ticks", broken, "none"]
    cost = f"{fuzz['guard_us']['p50']:.0f} µs at p50, {fuzz['guard_us']['p99']:.0f} at p99"
    yield ["the guard's part of a tick, computing", cost, "p99 ≤ 100 µs"]


def _shift(shift: Document) -> Iterator[list[str]]:
    success, timing = shift["success"], shift["timing"]
    interval = f"{100 * success['rate']:.1f} %, {100 * success['low']:.1f}-{100 * success['high']:.1f}"
    yield ["a shift in real time: parts placed", f"{shift['placed']} of {shift['parts']} ({interval})", "as evaluated"]
    yield ["ticks missed in it", f"{shift['overruns']} in {shift['time_s']:.0f} s", "0"]
    grown = f"{timing['collections']} collections, {timing['blocks']} blocks, {timing['peak_kib']} KiB"
    yield ["grown in it after the first part", grown, "0 collections, no growth"]
