"""``robocell bench loop``: the control loop in real time under load, and its inference against SB3's ``predict``.

The loop runs as ``robocell run --realtime`` runs it, beside a watch on what the machine itself does to its cores, see
:mod:`robocell_agents.bench.stalls`. The inferences are paced the same way in a process of their own
under the same load: policy periods at the cell's rate, taken in turn by the bundle's policy and by a PPO of
Stable-Baselines3 with the same weights, each between the estimator and the planner of the same path.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from robocell_agents import provenance
from robocell_agents.bench.stalls import stalls_watched
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.latency import QUANTILES
from robocell_controller.order import Order
from robocell_controller.processes.process import output_of
from robocell_controller.processes.session import Session
from robocell_controller.processes.shared_memory import Word
from robocell_controller.progress import progress_bar
from robocell_controller.rights import cores

_PARTS = 10**9  # more than a duration allows
_INFERENCE_SHARE = 0.25  # of the duration, for the comparison
_BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"


def bench_loop(bundle: Path, seconds: float, load_cores: bool) -> dict[str, Any]:
    """Runs a bundle in real time for ``seconds``, then compares inferences; with a busy process per core if asked."""
    name = "pick_place"
    cell = load(CellConfig, "cells", name)
    with _load(load_cores):
        with stalls_watched() as stalls:
            summary, timing = _paced(cell, name, bundle, seconds)
        inference = _inference(bundle, seconds * _INFERENCE_SHARE)
    return {
        **provenance.record(busy_processes=len(cores()) if load_cores else 0),
        "bundle": provenance.portable(str(bundle)),
        "controller_hz": cell.rates.controller_hz,
        "ticks": round(summary["time_s"] * cell.rates.controller_hz),
        "missed": summary["overruns"],
        "stalls": stalls,
        "gaps": summary["gaps"],
        "parts": summary["parts"],
        "placed": summary["placed"],
        "failures": summary["failures"],
        "latency_us": summary["latency_us"],
        "timing": {**timing, **summary["timing"]},
        "stopped": summary["stopped"],
        "inference_us": inference,
        "sb3_against_ours": {q: inference["sb3"][q] / inference["bundle"][q] for q in QUANTILES},
    }


def _paced(cell: CellConfig, name: str, bundle: Path, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The loop's summary, and what its timing rests on."""
    order = Order(str(bundle), name, _PARTS, True, 0, None)
    with progress_bar() as progress, Session(cell, order) as session:
        bar = progress.add_task("bench loop, s", total=round(seconds))
        timing = session.prepare(record=False)
        session.go(None, {})
        start = time.monotonic()

        def look(_: int) -> None:
            passed = time.monotonic() - start
            progress.update(bar, completed=min(int(passed), round(seconds)))
            if passed > seconds and not session.asked_to_stop:
                session.stop(signal.SIGTERM)

        summary = session.watch(look)
        timing["plant_missed"] = session.layout.words[Word.PLANT_MISSED]
    return summary, timing


def _inference(bundle: Path, seconds: float) -> dict[str, Any]:
    """Latencies in µs of both, from a process that is given to nothing else."""
    code = f"from robocell_agents.bench.paced_inference import main; main({str(bundle)!r}, {seconds!r})"
    latencies: dict[str, Any] = json.loads(output_of("process of the paced inference", code))
    return latencies


@contextmanager
def _load(wanted: bool) -> Iterator[None]:
    """One process per core that never rests, at ordinary priority."""
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in cores()] if wanted else []
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def loop_table(document: dict[str, Any]) -> Table:
    """The figures for people."""
    timing, inference = document["timing"], document["inference_us"]
    table = Table("figure", "p50", "p99", "p99.9", "max", title=f"robocell bench loop, {timing['guarantee']}")
    rows = {f"{name}, µs": document["latency_us"][name] for name in ("wake", "tick", "inference")}
    rows |= {f"inference paced, {name}, µs": inference[name] for name in ("bundle", "sb3")}
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.0f}" for value in values.values()))
    table.add_row("SB3 against ours", *(f"{ratio:.1f}×" for ratio in document["sb3_against_ours"].values()), "")
    table.add_row("missed of ticks", f"{document['missed']} of {document['ticks']}")
    table.add_row("ticks without a command in time", str(document["gaps"]))
    for core in document["stalls"]:
        what = f"stalls of core {core['core']} itself, over 2 ms; longest, µs"
        table.add_row(what, str(core["stalls"]), "", "", f"{core['longest_us']:.0f}")
    table.add_row("collections / blocks / peak KiB grown", " / ".join(_growth(timing)))
    return table


def _growth(timing: dict[str, Any]) -> list[str]:
    return [str(timing.get(name, "-")) for name in ("collections", "blocks", "peak_kib")]
