"""What ``robocell run`` does: joins policy, plant, clock and log, runs the loop, shows the figures."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console
from rich.table import Table

from robocell_controller.bundle import load_bundle
from robocell_controller.cell import CellConfig
from robocell_controller.clock import Clock, DeadlineClock, FreeRunningClock
from robocell_controller.config import load
from robocell_controller.contract import Plant
from robocell_controller.errors import InputError
from robocell_controller.loop import Actor, ControlLoop, policy_actor, program_actor
from robocell_controller.programs import PickPlaceProgram, load_program_config
from robocell_controller.progress import progress_bar
from robocell_controller.run_log import LogFile, Recorder
from robocell_controller.signals import stop_signals
from robocell_controller.summary import RunSummary

PLANTS = "robocell.plants"  # entry points: functions of a cell config and a seed that return a plant
_PROGRAM = "program:"
_FAULT = 1  # exit code of a run that the loop itself stopped


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run; the fields are the options of ``robocell run``."""

    bundle: str
    cell: str
    parts: int
    realtime: bool
    seed: int
    log: Path | None


def operate(order: Order, as_json: bool) -> int:
    """Runs an order and prints its figures on stdout; returns the exit code.

    Raises:
        InputError: bad bundle, cell, plant or log.
    """
    interrupts: list[int] = []
    summary = run_order(order, interrupts, show=not as_json)
    if as_json:
        print(json.dumps(summary.as_json(), indent=2))
    else:
        Console().print(summary_table(summary))
    if summary.stopped:
        print(f"robocell: stopped: {summary.stopped}", file=sys.stderr)
    return 128 + interrupts[0] if interrupts else _FAULT if summary.stopped else 0


def run_order(order: Order, interrupts: list[int], show: bool) -> RunSummary:
    """Runs an order; ``interrupts`` gets the signals that stopped it, ``show`` asks for a progress bar.

    Raises:
        InputError: bad bundle, cell, plant or log.
    """
    cell = load(CellConfig, "cells", order.cell)
    actor = load_actor(order.bundle, cell)
    with ExitStack() as stack:
        plant = make_plant(cell, order)
        stack.callback(plant.close)
        recorder = None
        if order.log:
            recorder = Recorder(stack.enter_context(LogFile(order.log, _about(order, cell))).append)
        progress = stack.enter_context(progress_bar(Console(stderr=True, quiet=not show)))
        task = progress.add_task(f"parts, {Path(order.bundle).name}", total=order.parts)
        loop = ControlLoop(cell, plant, actor, _clock(cell, order), recorder, lambda _: progress.advance(task))

        def stop(number: int) -> None:
            interrupts.append(number)
            loop.request_stop(signal.Signals(number).name)

        stack.enter_context(stop_signals(stop))
        return loop.run(order.parts)


def load_actor(reference: str, cell: CellConfig) -> Actor:
    """The policy of a bundle folder, or ``program:guided``.

    Raises:
        InputError: no such program, or a bundle that does not pass its checks.
    """
    if not reference.startswith(_PROGRAM):
        return policy_actor(load_bundle(Path(reference), cell).policy)
    if reference != f"{_PROGRAM}guided":  # the others need what only a simulation or a teacher knows
        raise InputError(reference, "not a program of the controller", f"{_PROGRAM}guided or a bundle folder")
    config = load_program_config("guided")
    return program_actor(PickPlaceProgram(config, cell.motion, cell.rates, cell.load_robot().gripper))


def make_plant(cell: CellConfig, order: Order) -> Plant:
    """The plant that the cell names.

    Raises:
        InputError: no installed package offers it, or what it needs is not installed.
    """
    found = {entry.name: entry for entry in entry_points(group=PLANTS)}
    place = f"{order.cell}: plant"
    if cell.plant not in found:
        raise InputError(place, repr(cell.plant), f"one of {', '.join(sorted(found)) or 'none installed'}")
    try:
        factory = found[cell.plant].load()
    except ModuleNotFoundError as error:
        found_text = f"{cell.plant!r} needs {error.name}, which is not installed"
        raise InputError(place, found_text, "what pip install 'robocell[train]' brings") from error
    plant: Plant = factory(cell, order.seed)
    return plant


def summary_table(summary: RunSummary) -> Table:
    """The figures for people."""
    table = Table("figure", "value", title="robocell run")
    for name, value in _rows(summary):
        table.add_row(name, value)
    return table


def _rows(summary: RunSummary) -> Iterator[tuple[str, str]]:
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
    if summary.stopped:
        yield "stopped", summary.stopped


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _clock(cell: CellConfig, order: Order) -> Clock:
    return DeadlineClock(round(1e9 / cell.rates.controller_hz)) if order.realtime else FreeRunningClock()


def _about(order: Order, cell: CellConfig) -> dict[str, object]:
    """What the log's header says: what ran, without the folders of this machine."""
    ran = asdict(replace(order, bundle=Path(order.bundle).name, cell=Path(order.cell).name, log=None))
    return {"order": ran, "cell": cell.model_dump()}
