"""``robocell study`` of trainings: recipes side by side at equal wall clock, then their policies on test seeds.

Each run is a process that is held to its own cores. What is finished is not done again, what was stopped goes on.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from robocell_agents import provenance
from robocell_agents.acting import run_folder
from robocell_agents.acting.actors import PREFIX
from robocell_agents.evaluation.evaluate import evaluate, metrics
from robocell_agents.evaluation.side_by_side import Job, run_side_by_side
from robocell_agents.files import read_json, write_json
from robocell_agents.seeds import FIRST_SEED
from robocell_agents.studies.config import REFERENCE
from robocell_agents.studies.journal import first_difference
from robocell_agents.studies.study import fingerprint
from robocell_agents.suites.suite import Suite
from robocell_agents.training import checkpoint
from robocell_agents.training_studies.analysis import analyse
from robocell_agents.training_studies.config import Run, TrainingStudy, load_training_study
from robocell_agents.training_studies.report import TRAININGS, training_study_files, training_study_json
from robocell_controller.errors import InputError
from robocell_controller.files import write_text

_SEEDS = "test"
_COMMAND = [sys.executable, "-c", "from robocell_controller.commands.cli import main; main()", "train"]
_SCORE = "test.json"  # in a run folder, and beside them for the reference
Document = dict[str, Any]


def training_study(name_or_path: str | Path, workers: int) -> tuple[Document, Path]:
    """Trains and tests what the study's run folders lack, then writes results, tables and plots into its folder.

    Args:
        name_or_path: name of a default study, or a file.
        workers: processes of the tests; the results do not depend on it.

    Returns:
        The document that is written to ``trainings.json``, and the folder.

    Raises:
        InputError: bad study, or a run folder of another training.
        ProcessDied: a training was killed; the same command goes on.
        SystemExit: stopped by a signal; the same command goes on.
    """
    what = load_training_study(name_or_path)
    for run in what.runs:
        _check_same(run)
    failures = _train_all(what)
    tests = {run.folder: _test(what, run, workers) for run in what.runs if run.folder not in failures}
    document = {
        "study": what.name,
        **provenance.record(cores_of_each_run=what.config.cores, side_by_side=what.config.side_by_side),
        "seeds": {"range": _SEEDS, "first": FIRST_SEED[_SEEDS], "n": what.config.episodes},
        **analyse(what, tests, {cell: _reference(what, cell, workers) for cell in what.cases}, failures),
    }
    write_text(what.out / TRAININGS, training_study_json(document))
    for path, text in training_study_files(what.out).items():
        write_text(path, text)
    return document, what.out


def _check_same(run: Run) -> None:
    """A run folder of another training is not gone on with, nor taken for this one's, if anything is trained in it."""
    trained = checkpoint.exists(run.folder) or _finished(run)
    if not trained or not (run.folder / "config.yaml").is_file():  # a missing file is its own training's to tell
        return
    before, now = run_folder.training_config(run.folder).model_dump(), run.config.model_dump()
    difference = first_difference(before, now)
    if difference:
        key, old, new = difference
        raise InputError(f"{run.folder}: {key}", new, f"{old} as the run began, or other folders for runs")


def _train_all(what: TrainingStudy) -> dict[Path, str]:
    """Trains what is not trained yet; returns what was wrong with those that failed, by run folder."""
    missing = [run for run in what.runs if not _finished(run)]
    jobs = [
        Job([*_COMMAND, *_arguments(run, what.config.cores)], run.folder.with_name(f"{run.folder.name}.log"), failure=2)
        for run in missing
    ]
    errors = run_side_by_side(
        jobs, what.config.side_by_side, what.config.cores, f"study {what.name}: runs", len(what.runs) - len(missing)
    )
    return {run.folder: error for run, error in zip(missing, errors, strict=True) if error}


def _finished(run: Run) -> bool:
    return (run.folder / "run.json").is_file() and run_folder.read_status(run.folder)["status"] == "finished"


def _arguments(run: Run, workers: int) -> list[str]:
    """Of ``robocell train``, after its config file has been written."""
    config = run.folder.with_name(f"{run.recipe}.yaml")
    run_folder.write_config(config, run.config)
    arguments = [str(config), "--out", str(run.folder), "--seed", str(run.seed), "--workers", str(workers)]
    if (run.folder / "run.json").is_file():
        return [*arguments, "--resume"]
    shutil.rmtree(run.folder, ignore_errors=True)  # killed before it began
    return arguments


def _test(what: TrainingStudy, run: Run, workers: int) -> Document:
    return _score(str(run.folder), what.suite(run.cell), what.config.episodes, run.folder / _SCORE, workers)


def _reference(what: TrainingStudy, cell: str, workers: int) -> Document:
    path = Path(what.config.runs) / cell / f"{REFERENCE}.json"
    return _score(PREFIX + REFERENCE, what.suite(cell), what.config.episodes, path, workers)


def _score(policy: str, suite: Suite, episodes: int, path: Path, workers: int) -> Document:
    """Metrics by condition of a policy on test seeds, from the file ``path`` if it was tested on the same before."""
    problem = {"cells": suite.summary()["sha256"], "episodes": episodes, "policy": fingerprint(policy)}
    known = read_json(path, "what robocell study wrote", ("problem", "conditions")) if path.is_file() else {}
    if known.get("problem") != problem:
        rows = evaluate(policy, suite, episodes, _SEEDS, workers)["episodes"]
        conditions = {name: metrics([row for row in rows if row["condition"] == name]) for name in suite.conditions}
        known = {"problem": problem, "conditions": conditions}
        write_json(path, known)
    scored: Document = known["conditions"]
    return scored
