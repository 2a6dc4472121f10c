"""What ``robocell run`` does: joins policy, plant, clock and log, runs the loop, shows the figures."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from robocell_controller.cell.config import CellConfig
from robocell_controller.cell.plants import make_plant
from robocell_controller.config import load
from robocell_controller.errors import InputError, ProcessDied
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.order import Order
from robocell_controller.processes.session import Session
from robocell_controller.processes.shared_memory import Word
from robocell_controller.progress import progress_bar
from robocell_controller.rollout.ordered import deployment
from robocell_controller.rollout.table import rollout_rows
from robocell_controller.signals import stop_signals
from robocell_controller.summary import Cycle, RunSummary

_RATES = 50, 500  # Hz of a controller that keeps to the clock
_FAULT = 1  # exit code of a run that the loop itself stopped


def operate(order: Order, as_json: bool) -> int:
    """Runs an order and prints its figures on stdout; returns the exit code.

    Raises:
        InputError: bad bundle, cell, plant or log.
    """
    interrupts: list[int] = []
    try:
        summary = run_order(order, interrupts, show=not as_json)
    except ProcessDied as error:
        print(f"robocell: stopped: {error}", file=sys.stderr)
        return _FAULT
    if as_json:
        print(json.dumps(summary.as_json(), indent=2))
    else:
        Console().print(summary_table(summary))
    return exit_code(summary, interrupts)


def exit_code(summary: RunSummary, interrupts: list[int]) -> int:
    """Of a run that is over; says on stderr why it is not 0."""
    if summary.stopped:
        print(f"robocell: stopped: {summary.stopped}", file=sys.stderr)
    if summary.log_fault:
        print(f"robocell: error: {summary.log_fault}: the log ends before the run", file=sys.stderr)
    return 128 + interrupts[0] if interrupts else _FAULT if summary.stopped or summary.log_fault else 0


def run_order(order: Order, interrupts: list[int], show: bool) -> RunSummary:
    """Runs an order; ``interrupts`` gets the signals that stopped it, ``show`` asks for a progress bar.

    Raises:
        InputError: bad bundle, cell, plant or log.
        ProcessDied: in real time, the loop's process has been killed.
    """
    cell = load(CellConfig, "cells", order.cell)
    run = _run_in_real_time if order.realtime else _run_in_lock_step
    return run(order, cell, interrupts, _bar(order, show))


def _run_in_lock_step(
    order: Order, cell: CellConfig, interrupts: list[int], bar: AbstractContextManager[Callable[[int], None]]
) -> RunSummary:
    """Plant and log in this process, as fast as they go: the same order gives the same run."""
    acting = deployment(order, cell)
    with ExitStack() as stack:
        stack.callback(acting.close)
        plant = make_plant(cell, order.cell, order.seed)
        stack.callback(plant.close)
        log = stack.enter_context(LogFile(order.log, _about(order, cell))) if order.log else None
        recorder = Recorder(log.append) if log else None
        show, done = stack.enter_context(bar), count(1)

        def cycle_ended(cycle: Cycle) -> None:
            show(next(done))
            acting.cycle_ended(cycle)

        loop = ControlLoop(cell, plant, acting, FreeRunningClock(), recorder, cycle_ended)

        def stop(number: int) -> None:
            interrupts.append(number)
            loop.request_stop(signal.Signals(number).name)

        stack.enter_context(stop_signals(stop))
        summary = loop.run(order.parts)
        summary = replace(summary, **acting.report(fault=bool(summary.stopped) and not interrupts))
    return replace(summary, log_fault=log.fault if log else None)


def _run_in_real_time(
    order: Order, cell: CellConfig, interrupts: list[int], bar: AbstractContextManager[Callable[[int], None]]
) -> RunSummary:
    """Plant, guardian, loop and logger each in a process of its own."""
    hz = cell.rates.controller_hz
    if not _RATES[0] <= hz <= _RATES[1]:
        raise InputError(f"{order.cell}: rates.controller_hz", str(hz), f"{_RATES[0]} to {_RATES[1]} in real time")
    with Session(cell, order) as session:
        timing = session.prepare(record=order.log is not None)

        def stop(number: int) -> None:
            interrupts.append(number)
            session.stop(number)

        session.go(order.log, {**_about(order, cell), **timing})
        with stop_signals(stop), bar as show:
            summary = session.watch(show)
    counts = {"plant_missed": session.layout.words[Word.PLANT_MISSED], "log_dropped": session.layout.frames.dropped}
    timing = {**timing, **counts, **summary["timing"]}
    return RunSummary(**{**summary, "timing": timing, "log_fault": session.log_fault()})


@contextmanager
def _bar(order: Order, show: bool) -> Iterator[Callable[[int], None]]:
    """The progress bar, as a function of the parts that are done."""
    with progress_bar(Console(stderr=True, quiet=not show)) as progress:
        task = progress.add_task(f"parts, {Path(order.bundle).name}", total=order.parts)
        yield lambda parts: progress.update(task, completed=parts)


def summary_table(summary: RunSummary) -> Table:
    """The figures for people."""
    table = Table("figure", "value", title="robocell run")
    for name, value in _rows(summary):
        table.add_row(name, value)
    return table


def _rows(summary: RunSummary) -> Iterator[tuple[str, str]]:
    yield from rollout_rows(summary)
    yield "parts placed", f"{summary.placed} of {summary.parts}"
    if success := summary.success:
        interval = f"{100 * success['low']:.1f} to {100 * success['high']:.1f} %"
        yield "success", f"{100 * success['rate']:.1f} % (95 %: {interval})"
    if times := summary.cycle_time_s:
        yield "cycle time, median / p95", f"{times['median']:.2f} / {times['p95']:.2f} s"
    yield "parts per hour", f"{summary.parts_per_hour:.0f}"
    yield "failures", _counts(summary.failures)
    yield "cell time / wall time", f"{summary.time_s:.1f} / {summary.wall_s:.1f} s"
    yield "overruns", str(summary.overruns)
    for name, values in summary.latency_us.items():
        numbers = " / ".join(f"{value:.0f}" for value in values.values())
        yield f"{name} latency, p50 / p99 / p99.9 / max", f"{numbers} µs"
    yield "safety interventions", _counts(summary.interventions)
    if summary.acted:
        yield "policy periods by who acted", _counts(summary.acted)
    if kpis := summary.kpis:
        factors = " × ".join(_percent(kpis[name]) for name in ("availability", "effectiveness", "quality"))
        yield "OEE; availability × effectiveness × quality", f"{_percent(kpis['oee'])}; {factors}"
        energy = kpis["energy_per_good_part_j"]
        yield "work of the joints per good part", "-" if energy is None else f"{energy:.1f} J"
    if timing := summary.timing:
        yield "guarantee", timing["guarantee"]
        yield "granted", ", ".join(f"{name}: {_granted(rights)}" for name, rights in timing["granted"].items())
        yield "ticks without a command in time", str(summary.gaps)
        yield "plant overruns / log frames dropped", f"{timing['plant_missed']} / {timing['log_dropped']}"
    if summary.log_fault:
        yield "log", f"ends before the run: {summary.log_fault}"
    if summary.stopped:
        yield "stopped", summary.stopped


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _granted(rights: dict[str, int]) -> str:
    parts = [
        f"FIFO {rights['fifo']}" if rights["fifo"] else "",
        f"core {rights['core']}" if rights["core"] >= 0 else "",
    ]
    return " ".join([*filter(None, parts), "memory locked" if rights["locked"] else ""]).strip() or "nothing"


def _about(order: Order, cell: CellConfig) -> dict[str, object]:
    """What the log's header says: what ran, without the folders of this machine."""
    ran = asdict(replace(order, bundle=Path(order.bundle).name, cell=Path(order.cell).name, log=None))
    return {"order": ran, "cell": cell.model_dump()}
