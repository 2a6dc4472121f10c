"""``robocell doctor``: what a machine can guarantee a control loop, found out by asking for it."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.table import Table

from robocell_controller.bundle.runtime import onnxruntime
from robocell_controller.latency import Latencies
from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.processes.process import output_of
from robocell_controller.rights import Rights, ask, cores, guarantee, no_collections

_PERIOD = 8_000_000  # ns: 125 Hz
_MOST_LATE = 4_000_000  # ns at p99: half a period; after three quarters of one, the drives brake
_PRIORITY = 50
_READS = 1000


def examine(seconds: float) -> dict[str, Any]:
    """Probes in a process of its own, which keeps what it was granted to itself.

    Returns:
        ``granted`` (see ``Rights``), ``guarantee``, ``cores``, ``clock_resolution_ns``, ``wake_us`` over ``ticks``
        at 125 Hz, ``missed`` deadlines, ``inference``, ``system``, and ``fit``: whether a loop can run here.
    """
    code = f"from robocell_controller.commands.doctor import probe; probe({seconds!r})"
    findings: dict[str, Any] = json.loads(output_of("process of the probe", code))
    return findings


def probe(seconds: float) -> None:
    """Measures in this process and prints the findings as JSON."""
    usable = cores()
    rights = ask(_PRIORITY, usable[-1])
    clock, wakes = DeadlineClock(_PERIOD), Latencies()
    ticks = max(1, round(seconds * 1e9 / _PERIOD))
    with no_collections():
        for _ in range(ticks):
            wakes.add(clock.wait())
    print(json.dumps({"cores": len(usable), **_findings(rights, wakes, clock.overruns)}))


def _findings(rights: Rights, wakes: Latencies, missed: int) -> dict[str, Any]:
    return {
        "granted": asdict(rights),
        "guarantee": guarantee(rights),
        "clock_resolution_ns": _resolution(),
        "ticks": wakes.count,
        "wake_us": wakes.summary_us(),
        "missed": missed,
        "inference": f"ONNX Runtime {onnxruntime.__version__}, one thread",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        "fit": wakes.quantile(0.99) <= _MOST_LATE,
    }


def _resolution() -> int:
    """Least step seen between two readings of the monotonic clock, ns."""
    times = [time.monotonic_ns() for _ in range(_READS)]
    return min((later - earlier for earlier, later in pairwise(times) if later > earlier), default=0)


def show(findings: dict[str, Any], as_json: bool) -> None:
    """Prints the findings."""
    if as_json:
        print(json.dumps(findings, indent=2))
        return
    table = Table("what", "found", title="robocell doctor")
    granted, wake = findings["granted"], findings["wake_us"]
    table.add_row("SCHED_FIFO", f"granted, priority {granted['fifo']}" if granted["fifo"] else "refused")
    table.add_row("memory locked", "granted" if granted["locked"] else "refused")
    table.add_row("cores", f"{findings['cores']}{', one for the loop' if granted['core'] >= 0 else ''}")
    table.add_row("clock resolution", f"{findings['clock_resolution_ns']} ns")
    table.add_row("wakes at 125 Hz, p50 / p99 / p99.9 / max", " / ".join(f"{wake[name]:.0f}" for name in wake) + " µs")
    table.add_row("missed", f"{findings['missed']} of {findings['ticks']}")
    table.add_row("inference", findings["inference"])
    table.add_row("system", findings["system"])
    table.add_row("guarantee", findings["guarantee"])
    table.add_row("verdict", "a loop can run here" if findings["fit"] else "wakes come too late for a loop at 125 Hz")
    Console().print(table)
