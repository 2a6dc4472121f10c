"""``robocell demo``: demonstrations → training → evaluation → export → controller run → report, in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console

from robocell_agents.acting.run_folder import read_status

_EPISODES = 500  # nominal test episodes of the policy and of the program it is measured against
_CONDITION_EPISODES = 60
_PARTS = 50  # that the controller picks with the exported bundle

Document = dict[str, Any]
console = Console(stderr=True)


def demo(out: Path, seed: int) -> Path:
    """Runs the main job from end to end; returns the folder: ``out``, or a numbered one if that holds a demo."""
    folder = _fresh_or_unfinished(out)
    run, bundle = folder / "run", folder / "bundle"
    _say(1, f"train (into {run})")
    _train(run, seed)
    _say(2, "evaluate: the policy, and the programs it has to beat")
    evaluations = _evaluate(folder, run)
    _say(3, f"export (into {bundle})")
    _export(run, bundle, evaluations["policy-nominal"])
    _say(4, f"run the bundle in the controller loop: {_PARTS} parts")
    summary = _run(folder, bundle)
    _say(5, "report")
    console.print(f"report: {_report(folder, run, evaluations, summary)}")
    _show(evaluations)
    return folder


def workers() -> int:
    """Processes to evaluate with: one for each core."""
    return os.cpu_count() or 1


def _fresh_or_unfinished(out: Path) -> Path:
    """A demo that was cut short is gone on with; a whole one is kept."""
    folder, number = out, 1
    while (folder / "report.html").exists():
        number += 1
        folder = out.with_name(f"{out.name}-{number}")
    return folder


def _say(step: int, what: str) -> None:
    console.print(f"[bold]{step}/5[/bold] {what}")


def _train(run: Path, seed: int) -> None:
    from robocell_agents.training.train import train

    if (run / "run.json").exists() and read_status(run)["status"] == "finished":
        return
    code = train("pick_place", seed, run, resume=any(run.glob("*")))
    if code:
        raise SystemExit(code)


def _evaluate(folder: Path, run: Path) -> dict[str, Document]:
    """All evaluations by ``policy-suite``. The rigid program's failures take the full time: it gets fewer episodes."""
    from robocell_agents.evaluation.evaluate import evaluate, write_evaluation

    documents = {}
    for name, policy in (("policy", str(run)), ("guided", "program:guided"), ("rigid", "program:rigid")):
        nominal = _CONDITION_EPISODES if name == "rigid" else _EPISODES
        for suite, episodes in (("nominal", nominal), ("conditions", _CONDITION_EPISODES)):
            key = f"{name}-{suite}"
            documents[key] = evaluate(policy, suite, episodes, "test", workers())
            write_evaluation(folder / "evaluations" / f"{key}.json", documents[key])
    return documents


def _export(run: Path, bundle: Path, evaluation: Document) -> None:
    from robocell_agents.evaluation.evaluate import write_evaluation
    from robocell_agents.export.export import export

    write_evaluation(run / "evaluation.json", evaluation)  # travels in the bundle
    if not bundle.exists():
        export(run, bundle)


def _run(folder: Path, bundle: Path) -> Document:
    from robocell_controller.commands.operate import exit_code, run_order, summary_table
    from robocell_controller.order import Order

    log = folder / "controller.log"
    log.unlink(missing_ok=True)  # of a demo that was cut short
    interrupts: list[int] = []
    summary = run_order(Order(str(bundle), "pick_place", _PARTS, False, 0, log), interrupts, show=True)
    console.print(summary_table(summary))
    if code := exit_code(summary, interrupts):
        raise SystemExit(code)
    return summary.as_json()


def _report(folder: Path, run: Path, evaluations: dict[str, Document], summary: Document) -> Path:
    from robocell_agents.acting.run_folder import cell_config, read_progress
    from robocell_agents.pages.report import Story, write_report

    commands = [read_status(run)["command"], *(document["command"] for document in evaluations.values())]
    unique = list(dict.fromkeys(commands))
    return write_report(
        folder, Story(str(run), cell_config(run), list(evaluations.values()), read_progress(run), summary, unique)
    )


def _show(evaluations: dict[str, Document]) -> None:
    from robocell_agents.pages.tables import comparison_of_policies

    nominal = {name: document for name, document in evaluations.items() if name.endswith("nominal")}
    Console().print(comparison_of_policies("Nominal pick-and-place, test seeds", list(nominal.values())))
