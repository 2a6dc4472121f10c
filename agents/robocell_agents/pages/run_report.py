"""The page of a controller run, made from its log: cycles, timing, interventions and stops. It opens offline."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robocell_agents.pages import report_page as html
from robocell_agents.pages.histogram import histogram
from robocell_agents.pages.run_machine import machine_sections
from robocell_controller.contract import Array
from robocell_controller.errors import InputError
from robocell_controller.files import write_text
from robocell_controller.latency import QUANTILES
from robocell_controller.loop.log_reader import Log, read_log
from robocell_controller.summary import PLACED, median_and_p95, success_rate

_OWN_REASONS = ("clearing", "stopping", "waiting for a part")  # of the loop; all others are safety kernel's and guard's
_QUANTILES = (*QUANTILES.values(), 1.0)


def write_run_report(path: Path, page: Path) -> None:
    """Writes the page of the run log ``path``.

    Raises:
        InputError: not a run log, or the page can't be written.
    """
    log = read_log(path)
    if page.exists() and page.samefile(path):
        raise InputError(page, "the log itself", "another place: a log is never overwritten")
    if not log.complete:
        print(f"robocell: {path}: the log {log.how_it_ends()}", file=sys.stderr)
    write_text(page, html.page(_title(log), _lead(log), list(_sections(log))))


def _sections(log: Log) -> Iterator[str]:
    cycles = [event for event in log.events if event["event"] == "cycle"]
    yield html.cards(list(_headline(log, cycles)))
    if cycles:
        yield html.section("Cycles", "Every part, by how its cycle ended.", _cycles(cycles))
    yield from machine_sections(log)
    if len(log.ticks):
        yield html.section("Timing", _timing_note(log), _timing(log))
        yield html.section("Interventions", _INTERVENTIONS, _interventions(log))
    yield html.section("Stops and gaps", "", html.pairs(list(_stops(log))))
    if about := list(_about(log)):
        yield html.section("What ran", "", html.pairs(about))


_INTERVENTIONS = "Ticks in which the drives were told something else than the policy wanted, and why."


def _title(log: Log) -> str:
    return f"Run of {log.about.get('order', {}).get('bundle', 'a policy')}"


def _lead(log: Log) -> str:
    if not len(log.ticks):
        return "The log holds no tick."
    lasted = (log.ticks["time_ns"][-1] - log.ticks["time_ns"][0]) * 1e-9
    guarantee = log.about.get("guarantee", "as fast as possible, in lock-step with the simulation")
    return f"{len(log.ticks)} ticks in {lasted:.1f} s. {guarantee[0].upper()}{guarantee[1:]}."


def _headline(log: Log, cycles: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    placed = [cycle["time_s"] for cycle in cycles if cycle["outcome"] == PLACED]
    rate, times = success_rate(len(placed), len(cycles)), median_and_p95(placed)
    interval = f"{100 * rate['rate']:.1f} %, 95 %: {100 * rate['low']:.1f} to {100 * rate['high']:.1f}" if rate else "-"
    yield "parts placed", f"{len(placed)} of {len(cycles)}", interval
    if times:
        yield "cycle time", f"{times['median']:.2f} s", f"median; p95 {times['p95']:.2f} s"
    acted = sum(reason not in ("", *_OWN_REASONS) for reason in _reasons(log))
    yield "interventions", str(acted), "ticks in which safety kernel or guard stepped in"
    stops = [event["cause"] for event in log.events if event["event"] == "stop"]
    end = "the run came to its end" if log.complete else f"the log {log.how_it_ends()}"
    yield "stops", str(len(stops)), stops[0] if stops else end


def _cycles(cycles: Sequence[dict[str, Any]]) -> str:
    counts = Counter(cycle["outcome"] for cycle in cycles)
    rows = []
    for outcome, count in counts.most_common():
        times = [cycle["time_s"] for cycle in cycles if cycle["outcome"] == outcome]
        rows.append([outcome, str(count), f"{np.median(times):.2f} s", f"{max(times):.2f} s"])
    all_times = np.array([cycle["time_s"] for cycle in cycles])
    return html.table(["outcome", "cycles", "median", "longest"], rows) + histogram(all_times, "s", "cycle time")


def _timing_note(log: Log) -> str:
    late = int((log.ticks["late_ns"] > _period(log)).sum())
    paced = "guarantee" in log.about
    return f"{late} ticks began more than a period late." if paced else "No clock paced this run: only durations count."


def _period(log: Log) -> float:
    hz: float = log.about.get("cell", {}).get("rates", {}).get("controller_hz", 125)
    return 1e9 / hz


def _timing(log: Log) -> str:
    ticks = log.ticks
    measured = {"tick, from waking to the command": ticks["took_ns"]}
    if "guarantee" in log.about:
        measured = {"wake, behind the deadline": ticks["late_ns"], **measured}
        measured["from tick to tick"] = np.diff(ticks["time_ns"])
    measured = {name: values / 1e3 for name, values in measured.items() if len(values)}
    rows = [[name, *_figures(values)] for name, values in measured.items()]
    table = html.table(["µs", "p50", "p99", "p99.9", "max"], rows)
    return table + "".join(histogram(values, "µs", name, logarithmic=True) for name, values in measured.items())


def _figures(values: Array) -> list[str]:
    return [f"{value:.0f}" for value in np.quantile(values, _QUANTILES, method="higher")]


def _reasons(log: Log) -> list[str]:
    return [reason.decode() for reason in log.ticks["reason"].tolist()]


def _interventions(log: Log) -> str:
    counts = Counter(reason for reason in _reasons(log) if reason)
    rows = [
        [reason, "loop" if reason in _OWN_REASONS else "safety kernel or guard", str(count)]
        for reason, count in counts.most_common()
    ]
    return html.table(["reason", "by", "ticks"], rows or [["none", "", "0"]], names=2)


def _stops(log: Log) -> Iterator[tuple[str, str]]:
    for event in log.events:
        if event["event"] == "stop":
            yield f"stop before tick {event['tick']}, cause {event.get('code', '-')}", event["cause"]
    held = int(np.isfinite(log.ticks["held"][:, 0]).sum()) if len(log.ticks) else 0
    yield "ticks without a command in time", str(held)
    yield "log frames lost", str(log.dropped)
    yield "the log's end", log.how_it_ends()


def _about(log: Log) -> Iterator[tuple[str, str]]:
    for name, value in log.about.get("order", {}).items():
        yield name, str(value)
    for name, rights in log.about.get("granted", {}).items():
        yield f"granted to the {name}", ", ".join(f"{key} {value}" for key, value in rights.items())
    if "command_lifetime_ms" in log.about:
        yield "command lifetime", f"{log.about['command_lifetime_ms']:.0f} ms"
