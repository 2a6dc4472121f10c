"""The commands of training and proof: train, tune, evaluate, compare, study, record, export, bench, demo, results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robocell_agents.commands import bundle as bundle_commands
from robocell_agents.commands import controller as cli_controller
from robocell_agents.commands.export import export
from robocell_agents.commands.pickled import NormaliserOption, OutOption, TrustOption, named, trust
from robocell_agents.seeds import MAX_SEED
from robocell_controller.errors import InputError
from robocell_controller.options import JsonOption

PolicyArgument = Annotated[
    str, typer.Argument(help="A bundle, a run folder, a policy saved by SB3 (.zip), or program:rigid|guided|oracle.")
]
SuiteOption = Annotated[str, typer.Option(help="Name or file of a suite of conditions.")]
SeedsOption = Annotated[str, typer.Option(help="Range of seeds: tuning, validation or test.")]


def register(app: typer.Typer) -> None:
    """Adds the commands; called by the command line through its entry point."""
    # A folder that is there: torch makes one in the temporary folder for what it compiles, which here is nothing.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(__file__).parent))
    for command in (train, tune, evaluate, compare, study, record, export, demo, results):
        app.command()(command)
    bench = typer.Typer(help="Measure speed, as ratios against a peer, a floor or a limit.")
    bench.command("env")(bench_env)
    bench.command("limit")(bench_limit)
    bench.command("physics")(bench_physics)
    bundle_commands.register(app, bench)
    cli_controller.register(app, bench)
    app.add_typer(bench, name="bench")


def train(
    config: Annotated[str, typer.Argument(help="Name or file of a training config, e.g. pick_place.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Training seed.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; with 1 all runs on one core.")] = 2,
    trust_pickle: TrustOption = False,
) -> None:
    """Train an agent; the run folder keeps everything needed to evaluate, export or go on.

    Ctrl-C or SIGTERM asks it to write a checkpoint and stop; a second one stops it at once, to go on from the last.
    """
    from robocell_agents.training.train import train as run_training

    trust(str(out), trust_pickle)
    raise typer.Exit(run_training(config, seed, out, resume, workers))


def tune(
    program: Annotated[str, typer.Argument(help="program:guided or program:oracle.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials of the whole study; a second call goes on.")] = 300,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each trial.")] = 60,
    out: Annotated[Path | None, typer.Option(help="YAML of the tuned program.  [default: configs/programs]")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="All trials.  [default: results/tuning]")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 2,
) -> None:
    """Search a program's numbers on tuning seeds of nominal production; success counts before pace."""
    from robocell_agents.pages.tables import tuning_table
    from robocell_agents.tuning.tune import Search, program_name
    from robocell_agents.tuning.tune import tune as search

    name = program_name(program)
    yaml_file = out or Path("configs/programs") / f"{name}.yaml"
    document = search(
        Search(name, trials, episodes, yaml_file, json_file or Path(f"results/tuning/{name}.json"), workers)
    )
    Console().print(tuning_table(document))
    Console(stderr=True).print(f"the best is in {yaml_file}")


def evaluate(
    policy: PolicyArgument,
    suite: Annotated[
        str | None, typer.Option(help="Name or file of a suite of conditions.  [default: nominal]")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each condition.")] = 500,
    seeds: SeedsOption = "test",
    change: Annotated[
        str | None, typer.Option(help="Name or file of a production change: nominal, within and beyond training.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the full result to this file.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 2,
    normaliser: NormaliserOption = None,
    trust_pickle: TrustOption = False,
) -> None:
    """Play seeded episodes and report success with its interval, pace, drops, errors and failures."""
    from robocell_agents.evaluation.evaluate import evaluate as play
    from robocell_agents.evaluation.evaluate import write_evaluation
    from robocell_agents.pages.tables import evaluation_table
    from robocell_agents.suites.changes import load_change

    if change is not None and suite is not None:
        raise InputError("--change", f"{change} beside --suite {suite}", "one of the two")
    reference = named(policy, normaliser, trust_pickle)
    conditions = load_change(change) if change is not None else "nominal" if suite is None else suite
    document = play(reference, conditions, episodes, seeds, workers)
    if json_file:
        write_evaluation(json_file, document)
    Console().print(evaluation_table(document))


def compare(
    first: Annotated[Path, typer.Argument(help="Evaluation of the policy in question.")],
    second: Annotated[Path, typer.Argument(help="Evaluation of the policy it is measured against.")],
    as_json: JsonOption = False,
) -> None:
    """Compare two evaluations of the same episodes: exact McNemar test, difference, pace."""
    from robocell_agents.evaluation.compare import compare as compare_files
    from robocell_agents.evaluation.compare import table as comparison_table

    document = compare_files(first, second)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(comparison_table(document))


def study(
    config: Annotated[str, typer.Argument(help="Name or file of a study, e.g. adaptivity or bakeoff.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes that play; the results do not depend on it.")] = 2,
) -> None:
    """Compare contestants under every change, or recipes by training them, or probe a policy; goes on after a stop."""
    from robocell_agents.commands.study import run_study

    tables, folder = run_study(config, workers)
    Console().print(*tables)
    Console(stderr=True).print(f"results, tables and plots are in {folder}")


def record(
    policy: PolicyArgument,
    out: Annotated[Path, typer.Option(help="Movie to write: .mp4 or .gif.")],
    episodes: Annotated[int, typer.Option(min=1, help="Episodes, one after another.")] = 1,
    seeds: SeedsOption = "test",
    seed: Annotated[int | None, typer.Option(min=0, help="First seed, in place of the range's first.")] = None,
    camera: Annotated[str, typer.Option(help="side, top, or both side by side.")] = "side",
    suite: SuiteOption = "nominal",
    condition: Annotated[str, typer.Option(help="Condition of the suite.")] = "nominal",
    normaliser: NormaliserOption = None,
    trust_pickle: TrustOption = False,
) -> None:
    """Record seeded episodes in real time, with what is happening written over them."""
    from robocell_agents.pages.record import Shot
    from robocell_agents.pages.record import record as write
    from robocell_agents.seeds import episode_seeds

    reference = named(policy, normaliser, trust_pickle)
    chosen = episode_seeds(seeds, episodes) if seed is None else list(range(seed, seed + episodes))
    done = write(Shot(reference, chosen, camera, suite, condition), out)
    Console().print(f"{out}: {done.placed} of {done.tried} parts placed")


def demo(
    out: OutOption = Path("runs/demo"),
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Training seed.")] = 0,
) -> None:
    """Run the main job: demonstrations, training, evaluation, export, controller run, report."""
    from robocell_agents.commands.demo import demo as run_demo

    run_demo(out, seed)


def results(
    folder: Annotated[Path, typer.Option(help="Folder with the result files.")] = Path("results"),
    check: Annotated[bool, typer.Option("--check", help="Only say whether the tables are up to date.")] = False,
) -> None:
    """Make the published tables, pages and plots again from the JSON files."""
    from robocell_agents.results.regenerate import regenerate

    raise typer.Exit(regenerate(folder, check))


def bench_env(
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved turns of each contestant.")] = 7,
    resets: Annotated[int, typer.Option(min=1, help="Resets over which memory is watched.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Simulated seconds per CPU second, against the cells' own physics and other arms; processes and memory."""
    from robocell_agents.bench.env import bench_env as measure
    from robocell_agents.pages.tables import bench_tables

    document = measure(rounds, resets)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(*bench_tables(document))


def bench_limit(
    evaluations: Annotated[
        list[Path] | None,
        typer.Argument(help="Evaluations of the same episodes.  [default: the published ones]", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Cycle times against the least that the arm's data sheet leaves for the same cycles."""
    from robocell_agents.bench.limit import PUBLISHED
    from robocell_agents.bench.limit import bench_limit as measure
    from robocell_agents.files import json_with_rows
    from robocell_agents.pages.tables import limit_table

    document = measure(evaluations or list(PUBLISHED))
    if as_json:
        print(json_with_rows(document, "cycles"), end="")
    else:
        Console().print(limit_table(document))


def bench_physics(
    cycles: Annotated[int, typer.Option(min=1, help="Cycles replayed in the reference.")] = 200,
    loads: Annotated[int, typer.Option(min=1, help="Feasible, and as many infeasible, loads to hold.")] = 40,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """The physics against a fine reference (1 kHz, 200 iterations), grips under load, pose accuracy (ISO 9283)."""
    from robocell_agents.bench.physics import bench_physics as measure
    from robocell_agents.bench.physics import physics_table

    document = measure(cycles, loads, workers)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(physics_table(document))
