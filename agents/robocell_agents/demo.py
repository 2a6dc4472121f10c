"""``robocell demo``: demonstrations → training → evaluation → export → controller run → report, in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console

from robocell_agents.run_folder import read_status

_EPISODES = 500  # nominal test episodes of the policy and of the program it is measured against
_CONDITION_EPISODES = 60
_PARTS = 50  # that the controller picks with the exported bundle

console = Console(stderr=True)


def demo(out: Path, seed: int) -> Path:
    """Runs the main job from end to end and returns the folder: ``out``, or a numbered one beside it if that is taken."""
    folder = _fresh_or_unfinished(out)
    run, bundle = folder / "run", folder / "bundle"
    _say(1, f"train (into {run})")
    _train(run, seed)
    _say(2, "evaluate: the policy, and the programs it has to beat")
    evaluations = _evaluate(folder, run)
    _say(3, f"export (into {bundle})")
    _export(run, bundle, evaluations["policy"])
    _say(4, f"run the bundle in the controller loop: {_PARTS} parts")
    summary = _run(folder, bundle)
    _say(5, "report")
    _report(folder, run, evaluations, summary)
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
    from robocell_agents.train import train

    begun = (run / "run.json").exists()
    if begun and read_status(run)["status"] == "finished":
        return
    code = train("pick_place", seed, run, resume=begun)
    if code:
        raise SystemExit(code)


def _evaluate(folder: Path, run: Path) -> dict[str, dict[str, Any]]:
    from robocell_agents.evaluate import evaluate, write_evaluation

    documents = {}
    for name, policy in (("policy", str(run)), ("guided", "program:guided"), ("rigid", "program:rigid")):
        for suite, episodes in (("nominal", _EPISODES), ("conditions", _CONDITION_EPISODES)):
            if name == "rigid" and suite == "nominal":
                continue  # its nominal episodes are in the conditions, and each of its failures takes the full time
            document = evaluate(policy, suite, episodes, "test", workers())
            write_evaluation(folder / "evaluations" / f"{name}-{suite}.json", document)
            documents[name if suite == "nominal" else f"{name}-{suite}"] = document
    return documents


def _export(run: Path, bundle: Path, evaluation: dict[str, Any]) -> None:
    from robocell_agents.evaluate import write_evaluation
    from robocell_agents.export import export

    write_evaluation(run / "evaluation.json", evaluation)  # travels in the bundle
    if not bundle.exists():
        export(run, bundle)


def _run(folder: Path, bundle: Path) -> dict[str, Any]:
    from robocell_controller.operate import Order, run_order, summary_table

    log = folder / "controller.log"
    log.unlink(missing_ok=True)  # of a demo that was cut short
    interrupts: list[int] = []
    summary = run_order(Order(str(bundle), "pick_place", _PARTS, False, 0, log), interrupts, show=True)
    if interrupts:
        raise SystemExit(128 + interrupts[0])
    console.print(summary_table(summary))
    return summary.as_json()
