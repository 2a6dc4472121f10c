"""What a study's episodes say: each condition by itself, against the programs, over all changes, across seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from robocell_agents.evaluation.compare import summarise
from robocell_agents.evaluation.evaluate import Row, metrics
from robocell_agents.statistics import holm, over_training_seeds
from robocell_agents.studies.config import REFERENCE, SHIFT, Study
from robocell_agents.studies.shift_pace import shift_document

FEASIBLE = 0.99  # success of the oracle program, from which on a condition counts as feasible
SCOPES = ("all", "feasible", "within", "beyond")
PROGRAMS = ("guided", "rigid", "oracle")
_CHANGES = ("within", "beyond")
Document = dict[str, Any]
RowsOf = Callable[[str, str], list[Row]]


def analyse(study: Study, rows_of: RowsOf) -> Document:
    """Everything that ``study.json`` says of a study but how it was made.

    Args:
        study: the study.
        rows_of: its rows by names of case and entry, in the order of their seeds.

    Returns:
        ``contestants`` (references and entries by name); ``conditions``: by name their kind, whether they are
        feasible (None without an oracle), and metrics of each entry with its comparison; ``pace``: see
        :func:`pace_ratios`; ``recipes``: see :func:`recipe_scores`; ``shifts``, see ``shift_pace``.
    """
    conditions = {
        name: _condition(study, case.kind, {entry: rows_of(name, entry) for entry in study.entries})
        for name, case in study.cases.items()
        if case.kind != SHIFT
    }
    _adjust(study, conditions)
    return {
        "contestants": {
            name: {"references": references, "entries": study.entries_of(name)}
            for name, references in study.config.contestants.items()
        },
        "reference": study.program(REFERENCE),
        "conditions": conditions,
        "pace": pace_ratios(study, conditions),
        "recipes": recipe_scores(study, conditions),
        "shifts": {
            name.removeprefix(f"{SHIFT}/"): shift_document(study, name, rows_of)
            for name, case in study.cases.items()
            if case.kind == SHIFT
        },
    }


def pace_ratios(study: Study, conditions: Document) -> Document:
    """Geometric mean over the changes of good parts per hour, against each program: entry → program → scope → ratio.

    Who places nothing under a change counts as if it had been one part, so that there is a ratio and a mean of them.
    """
    ratios: Document = {}
    for entry in study.entries:
        ratios[entry] = {}
        for program in PROGRAMS:
            other = study.program(program)
            if other is not None and other != entry:
                ratios[entry][program] = {
                    scope: _geometric_mean(entry, other, _in_scope(conditions, scope)) for scope in SCOPES
                }
    return ratios


def recipe_scores(study: Study, conditions: Document) -> Document:
    """Recipes of several training seeds: interquartile means with intervals of success and of good parts per hour.

    Over the conditions of each kind together, and for each condition; see
    :func:`robocell_agents.statistics.over_training_seeds`.
    """
    recipes = {name: study.entries_of(name) for name in study.config.contestants}
    return {
        name: {
            "over": {kind: _scores(entries, _of_kind(conditions, kind)) for kind in ("nominal", *_CHANGES)},
            "conditions": {key: _scores(entries, [condition]) for key, condition in conditions.items()},
        }
        for name, entries in recipes.items()
        if len(entries) > 1
    }


def _condition(study: Study, kind: str, rows: dict[str, list[Row]]) -> Document:
    oracle, reference = study.program("oracle"), study.program(REFERENCE)
    assert reference is not None  # the config has been checked
    entries = {entry: {**metrics(own), "time_s": sum(row["time_s"] for row in own)} for entry, own in rows.items()}
    for entry, own in rows.items():
        if entry != reference:
            entries[entry]["against_reference"] = summarise(list(zip(own, rows[reference], strict=True)))
    feasible = None if oracle is None else entries[oracle]["success"]["rate"] >= FEASIBLE
    return {"kind": kind, "feasible": feasible, "entries": entries}


def _adjust(study: Study, conditions: Document) -> None:
    """Adds to each comparison under a change its p-value adjusted for all changes of its entry (Holm)."""
    for entry in study.entries:
        tests = [each["entries"][entry].get("against_reference") for each in _of_kind(conditions, *_CHANGES)]
        tests = [test for test in tests if test]
        for test, adjusted in zip(tests, holm([test["p_value"] for test in tests]), strict=True):
            test["p_holm"] = adjusted


def _of_kind(conditions: Document, *kinds: str) -> list[Document]:
    return [condition for condition in conditions.values() if condition["kind"] in kinds]


def _in_scope(conditions: Document, scope: str) -> list[Document]:
    if scope == "feasible":
        return [condition for condition in _of_kind(conditions, *_CHANGES) if condition["feasible"]]
    return _of_kind(conditions, *(_CHANGES if scope == "all" else (scope,)))


def _geometric_mean(entry: str, other: str, conditions: list[Document]) -> float | None:
    """Of the ratios of two paces; None without conditions."""
    if not conditions:
        return None
    paces = [[_of_at_least_one_part(condition["entries"][name]) for name in (entry, other)] for condition in conditions]
    return math.exp(sum(math.log(ours / theirs) for ours, theirs in paces) / len(paces))


def _of_at_least_one_part(measured: Document) -> float:
    return max(float(measured["parts_per_hour"]), 3600.0 / float(measured["time_s"]))


def _scores(entries: list[str], conditions: list[Document]) -> Document | None:
    if not conditions:
        return None
    measured = [[condition["entries"][entry] for condition in conditions] for entry in entries]
    return {
        "success": over_training_seeds(np.array([[each["success"]["rate"] for each in row] for row in measured])),
        "parts_per_hour": over_training_seeds(np.array([[each["parts_per_hour"] for each in row] for row in measured])),
    }
