"""What is made from a study's ``trainings.json``: the page ``trainings.md``, and the learning curves beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from robocell_agents.files import folded_json
from robocell_agents.pages.tables import markdown_table, rows_table
from robocell_agents.studies.config import REFERENCE
from robocell_agents.studies.document import mark, read_document
from robocell_agents.training_studies.figures import curves

TRAININGS, PAGE, CURVES = "trainings.json", "trainings.md", "curves.svg"
_LEVELS = 6  # of the document, down to one run
_KEYS = ("study", "command", "reach", "cells", "seeds", "hardware", "git")
_NONE = "-"
Document = dict[str, Any]


def training_study_json(document: Document) -> str:
    """The document as text, with one line for each run."""
    return folded_json(document, _LEVELS) + "\n"


def training_study_files(folder: Path) -> dict[Path, str]:
    """Page and plot of the study in a folder, as texts by path.

    Raises:
        InputError: there is no study.
    """
    source = folder / TRAININGS
    document = read_document(source, _KEYS)
    return {folder / PAGE: page(document), folder / CURVES: curves(document) + mark(source)}


def page(document: Document) -> str:
    """How it was made, learning curves, and for each cell the recipes and their runs."""
    seeds, hardware = document["seeds"], document["hardware"]
    parts = [
        f"# Study {document['study']}",
        f"Made by `{document['command']}` at commit {document['git']['commit']} on {hardware['cpu']}, "
        f"{hardware['side_by_side']:g} runs side by side on {hardware['cores_of_each_run']:g} of its cores each, from "
        f"`{TRAININGS}`. {seeds['n']} {seeds['range']} episodes of each condition. Success and pace across training "
        "seeds: interquartile mean and 95 % interval of a stratified bootstrap.",
        f"![validation success and pace over the wall time of the training]({CURVES})",
        *(
            f"## {cell}\n\n{markdown_table(recipe_rows(document, cell))}\n\n{markdown_table(run_rows(document, cell))}"
            for cell in document["cells"]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def training_study_tables(document: Document) -> list[Table]:
    """The recipes for the terminal, a table for each cell."""
    return [rows_table(f"study {document['study']}: {cell}", recipe_rows(document, cell)) for cell in document["cells"]]


def recipe_rows(document: Document, cell: str) -> list[list[str]]:
    """Header, then a row for each recipe, the best one first."""
    reach = f"≥ {100 * document['reach']:g} %"
    times = [f"validation {reach} after", "certified after", "training"]
    header = ["", "success", "parts/h", f"pace against {REFERENCE}", f"seeds {reach}", *times]
    return [header] + [
        [
            name,
            _interval(recipe["success"], 100.0, 1, " %"),
            _interval(recipe["parts_per_hour"], 1.0, 0, ""),
            _number(recipe["against_reference"], "×", 2),
            f"{recipe['reached']} of {recipe['seeds']}",
            _number(recipe["validated_s"], " s", 0),
            _number(recipe["certified_s"], " s", 0),
            _number(recipe["wall_s"], " s", 0),
        ]
        for name, recipe in document["cells"][cell]["recipes"].items()
    ]


def run_rows(document: Document, cell: str) -> list[list[str]]:
    """Header, then a row for each run: means over the conditions."""
    reach = f"validation ≥ {100 * document['reach']:g} % after"
    header = ["run", "success", "within", "beyond", "parts/h", reach, "certified after", "training", "failures"]
    return [header] + [
        [
            f"{name}, seed {seed}",
            *(_number(run[key], " %", 1, 100.0) for key in ("success", "within", "beyond")),
            _number(run["parts_per_hour"], "", 0),
            _number(run["validated_s"], " s", 0),
            _number(run["certified_s"], " s", 0),
            _number(run["wall_s"], " s", 0),
            run["error"] or _failures(run["conditions"]),
        ]
        for name, recipe in document["cells"][cell]["recipes"].items()
        for seed, run in recipe["runs"].items()
    ]


def _failures(conditions: Document) -> str:
    counts: dict[str, int] = {}
    for metrics in conditions.values():
        for name, count in metrics["failures"].items():
            counts[name] = counts.get(name, 0) + count
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1])) or "none"


def _interval(score: Document | None, scale: float, digits: int, unit: str) -> str:
    if score is None:
        return _NONE
    value, low, high = (f"{scale * score[key]:.{digits}f}" for key in ("iqm", "low", "high"))
    return f"{value}{unit} ({low}-{high})"


def _number(value: float | None, unit: str, digits: int, scale: float = 1.0) -> str:
    return _NONE if value is None else f"{scale * value:.{digits}f}{unit}"
