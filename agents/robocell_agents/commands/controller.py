"""The commands around the controller's loop that need a simulator or SB3: report, bench loop, bench kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robocell_controller.options import JsonOption


def register(app: typer.Typer, bench: typer.Typer) -> None:
    """Adds them to the app and to its group of benchmarks."""
    app.command()(report)
    bench.command("loop")(bench_loop)
    bench.command("kills")(bench_kills)


def report(
    log: Annotated[Path, typer.Argument(help="Log of robocell run.")],
    out: Annotated[Path | None, typer.Option(help="Page to write.  [default: beside the log, .html]")] = None,
) -> None:
    """Make a page of a controller run from its log: timing, interventions, stops, cycles."""
    from robocell_agents.pages.run_report import write_run_report

    page = out or log.with_suffix(".html")
    write_run_report(log, page)
    Console(stderr=True).print(f"report: {page}")


def bench_loop(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")] = Path("results/policies/pick_place"),
    seconds: Annotated[float, typer.Option(min=10, help="Duration; 800 s are 100 000 ticks at 125 Hz.")] = 800,
    idle: Annotated[bool, typer.Option("--idle", help="Without a busy process on each core.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The control loop in real time, every core busy: wakes, ticks, misses, memory; inference against SB3's."""
    from robocell_agents.bench.loop import bench_loop as measure
    from robocell_agents.bench.loop import loop_table

    document = measure(bundle, seconds, not idle)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(loop_table(document))


def bench_kills(
    trials: Annotated[int, typer.Option(min=1, help="Runs of one part, each struck once.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the moments.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Kill or halt loop, plant, guardian or logger of a run in real time: stop times, limits, what the log keeps."""
    from robocell_agents.bench.kills import bench_kills as measure
    from robocell_agents.bench.kills import kills_table

    document = measure(trials, seed)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(kills_table(document))
    raise typer.Exit(int(any(kind["faults"] for kind in document["kinds"])))
