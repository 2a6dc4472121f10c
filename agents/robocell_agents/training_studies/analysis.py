"""What a study of trainings says: of each run, and of each recipe across its training seeds."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from robocell_agents import provenance
from robocell_agents.acting import run_folder
from robocell_agents.statistics import over_training_seeds
from robocell_agents.training.validation import RELIABLE
from robocell_agents.training_studies.config import Run, TrainingStudy

_CURVE = ("wall_s", "stage", "steps", "success", "low", "high", "parts_per_hour")
_LEAST_PACE = 1.0  # parts an hour, for those that place none: so that there is a ratio and a mean of them
Document = dict[str, Any]


def analyse(
    what: TrainingStudy, tests: dict[Path, Document], references: dict[str, Document], errors: dict[Path, str]
) -> Document:
    """Everything that ``trainings.json`` says but how it was made.

    Args:
        what: the study.
        tests: metrics of the tested policies by run folder and condition.
        references: the same of the reference program, by cell.
        errors: what went wrong in runs that failed, by run folder.

    Returns:
        ``reach``; ``cells``: by name the ``reference`` and the ``recipes``, the best one first, each with its ``runs``
        by training seed and what :func:`_over_seeds` says of them.
    """
    cells = {}
    for cell, reference in references.items():
        recipes = {}
        for name in what.config.recipes:
            runs = [run for run in what.runs if (run.cell, run.recipe) == (cell, name)]
            tested = [tests[run.folder] for run in runs if run.folder in tests]
            rows = {str(run.seed): _run(what, run, tests.get(run.folder), errors.get(run.folder)) for run in runs}
            recipes[name] = {**_over_seeds(list(rows.values()), tested, reference, what.config.reach), "runs": rows}
        ranked = dict(sorted(recipes.items(), key=lambda entry: _rank(entry[1]), reverse=True))
        cells[cell] = {"reference": reference, "recipes": ranked}
    return {"reach": what.config.reach, "cells": cells}


def _run(what: TrainingStudy, run: Run, test: Document | None, error: str | None) -> Document:
    """One run: how long it trained, what its policy does in test, if it has one, and its validations on the way.

    ``within`` and ``beyond`` are its success in the conditions that trainings are for, and in those further out.
    """
    further = {name for name, case in what.cases[run.cell].items() if case.kind == "beyond"}
    status = run_folder.read_status(run.folder) if test else {}
    curve = [{key: row[key] for key in _CURVE} for row in run_folder.read_progress(run.folder)]
    return {
        "run": provenance.portable(str(run.folder)),
        "error": error,
        "wall_s": status.get("wall_s"),
        "validated_s": next((row["wall_s"] for row in curve if row["success"] >= what.config.reach), None),
        "certified_s": (status.get("certified") or {}).get("wall_s"),
        "success": _mean(test, "success"),
        "within": _mean({name: each for name, each in (test or {}).items() if name not in further}, "success"),
        "beyond": _mean({name: each for name, each in (test or {}).items() if name in further}, "success"),
        "parts_per_hour": _mean(test, "parts_per_hour"),
        "conditions": test,
        "curve": curve,
    }


def _over_seeds(rows: list[Document], tested: list[Document], reference: Document, reach: float) -> Document:
    """Interquartile means with bootstrap intervals, geometric mean of paces to the reference, and who got there.

    ``reached`` counts the seeds that ``reach`` in test within what trainings are for.

    ``validated_s`` and ``certified_s`` are medians over all seeds of the time to the first validation that got there
    and to the certified target; None where half of the seeds or more did not.
    """
    summary: Document = {
        "reached": sum((row["within"] or 0.0) >= reach for row in rows),
        "seeds": len(rows),
        "validated_s": _median_time([row["validated_s"] for row in rows]),
        "certified_s": _median_time([row["certified_s"] for row in rows]),
        "wall_s": statistics.median(walls) if (walls := [row["wall_s"] for row in rows if row["wall_s"]]) else None,
    }
    for key in ("success", "parts_per_hour"):
        scores = np.array([[_value(each, key) for each in test.values()] for test in tested])
        summary[key] = over_training_seeds(scores) if tested else None
    ratios = [math.log(_pace(test[name]) / _pace(reference[name])) for test in tested for name in reference]
    summary["against_reference"] = math.exp(statistics.fmean(ratios)) if ratios else None
    return summary


def _median_time(times: list[float | None]) -> float | None:
    median = statistics.median(math.inf if time is None else time for time in times)
    return median if math.isfinite(median) else None


def _value(metrics: Document, key: str) -> float:
    value = metrics[key]
    return float(value["rate"] if isinstance(value, dict) else value)


def _pace(metrics: Document) -> float:
    return max(_value(metrics, "parts_per_hour"), _LEAST_PACE)


def _mean(test: Document | None, key: str) -> float | None:
    return statistics.fmean(_value(metrics, key) for metrics in test.values()) if test else None


def _rank(recipe: Document) -> tuple[float, float]:
    """Reliability first; of two reliable ones the faster."""
    if recipe["success"] is None:
        return 0.0, 0.0
    return min(recipe["success"]["iqm"], RELIABLE), recipe["parts_per_hour"]["iqm"]
