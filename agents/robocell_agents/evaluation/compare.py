"""Paired comparison of two evaluations of the same episodes: which policy places more parts, and how fast."""

from __future__ import annotations

import json
import math
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from rich.table import Table

from robocell_agents.files import read_json
from robocell_agents.statistics import mcnemar, paired_difference
from robocell_controller.errors import InputError

Document = dict[str, Any]
Pair = tuple[dict[str, Any], dict[str, Any]]
_WHAT = "a file that robocell evaluate wrote"
_LONGEST = 80  # characters of a row that is shown
_KEYS = {"policy", "suite", "seeds", "success", "cycle_time_s", "parts_per_hour", "failures", "episodes"}


def read_evaluation(path: Path) -> Document:
    """An evaluation, as ``robocell evaluate`` wrote it.

    Raises:
        InputError: not such a file.
    """
    document = read_json(path, _WHAT)
    missing = sorted(_KEYS - document.keys())
    if missing:
        raise InputError(path, f"no key {missing[0]!r}", _WHAT)
    if not isinstance(document["episodes"], list) or not document["episodes"]:
        raise InputError(f"{path}: episodes", "no rows", _WHAT)
    for number, row in enumerate(document["episodes"]):
        if not _is_row(row):
            raise InputError(f"{path}: episodes.{number}", shorten(json.dumps(row), _LONGEST), _WHAT)
    return document


def _is_row(row: Any) -> bool:
    """Whether a row has of an episode what comparisons ask for, each of its kind."""
    kinds = {"condition": str, "seed": int, "success": bool, "time_s": int | float}
    if not isinstance(row, dict) or not all(isinstance(row.get(key), kind) for key, kind in kinds.items()):
        return False
    return math.isfinite(row["time_s"])


def compare(first: Path, second: Path) -> Document:
    """Compares two evaluations, pair by pair, over the whole suite and for each condition.

    Args:
        first: JSON of the policy in question.
        second: JSON of the one it is measured against.

    Returns:
        ``first`` and ``second`` (policies), ``conditions`` and ``all``; see :func:`summarise` for their keys.
        Conditions share their seeds, so the p-value and the interval over ``all`` are only a rough guide.

    Raises:
        InputError: a file is not an evaluation, or the two are of different suites or seeds.
    """
    ours, theirs = read_evaluation(first), read_evaluation(second)
    check_same_episodes(ours, theirs, first, second)
    pairs = _pairs(ours, theirs)
    conditions = list(dict.fromkeys(condition for condition, *_ in pairs))
    return {
        "first": ours["policy"],
        "second": theirs["policy"],
        "all": summarise(list(pairs.values())),
        "conditions": {
            name: summarise([pair for (condition, *_), pair in pairs.items() if condition == name])
            for name in conditions
        },
    }


def check_same_episodes(ours: Document, theirs: Document, first: Path, second: Path) -> None:
    """Raises an :class:`InputError` that names the ``second`` file if its episodes are not those of the ``first``."""
    for part in ("suite", "seeds"):
        for key, value in ours[part].items():
            if theirs[part].get(key) != value:
                raise InputError(f"{second}: {part}.{key}", str(theirs[part].get(key)), f"{value} as in {first}")
    if _episodes(ours).keys() != _episodes(theirs).keys():
        raise InputError(f"{second}: episodes", "other conditions or seeds", "the same in both files")


def summarise(pairs: list[Pair]) -> Document:
    """What a set of paired episodes says.

    Returns:
        ``n``; ``success``: the two rates; ``only_first`` and ``only_second``: episodes that only one solved;
        ``p_value``: exact McNemar; ``difference``: of the rates, first − second, with its 95 % interval; and
        ratios first / second: ``cycle_time_ratio_paired`` (median ratio over the episodes that both solved),
        ``cycle_time_ratio`` (of the medians of each one's successes) and ``parts_per_hour_ratio``; None where
        there is nothing to divide.
    """
    solved = [(bool(a["success"]), bool(b["success"])) for a, b in pairs]
    both, only_first, only_second, neither = (
        solved.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))
    )
    difference, low, high = paired_difference(both, only_first, only_second, neither)
    ratios = [a["time_s"] / b["time_s"] for a, b in pairs if a["success"] and b["success"]]
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    return {
        "n": len(pairs),
        "success": [(both + only_first) / len(pairs), (both + only_second) / len(pairs)],
        "only_first": only_first,
        "only_second": only_second,
        "p_value": mcnemar(only_first, only_second),
        "difference": {"value": difference, "low": low, "high": high},
        "cycle_time_ratio_paired": _median(ratios),
        "cycle_time_ratio": _ratio(_median(_good_times(first)), _median(_good_times(second))),
        "parts_per_hour_ratio": _ratio(_pace(first), _pace(second)),
    }


def table(comparison: Document) -> Table:
    """The comparison for the terminal."""
    shown = Table(title=f"{comparison['first']} against {comparison['second']}", title_justify="left")
    shown.add_column("condition")
    for heading in ("pairs", "success", "difference, points", "McNemar p", "cycle time", "parts per hour"):
        shown.add_column(heading, justify="right")
    for name, row in comparison["conditions"].items():
        shown.add_row(name, *_cells(row))
    if len(comparison["conditions"]) > 1:
        shown.add_section()
        shown.add_row("all", *_cells(comparison["all"]))
    return shown


def _cells(row: Document) -> list[str]:
    first, second = row["success"]
    difference = row["difference"]
    return [
        str(row["n"]),
        f"{first:.1%} : {second:.1%}",
        f"{difference['value']:+.1%} [{difference['low']:+.1%}, {difference['high']:+.1%}]".replace("%", ""),
        f"{row['p_value']:.2g}",
        _times(row["cycle_time_ratio_paired"]),
        _times(row["parts_per_hour_ratio"]),
    ]


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3f}×"


def _pairs(ours: Document, theirs: Document) -> dict[tuple[str, int, int], Pair]:
    second = _episodes(theirs)
    return {key: (row, second[key]) for key, row in _episodes(ours).items()}


def _episodes(document: Document) -> dict[tuple[str, int, int], dict[str, Any]]:
    return {(row["condition"], row["seed"], row.get("part", 0)): row for row in document["episodes"]}


def _good_times(rows: list[dict[str, Any]]) -> list[float]:
    return [row["time_s"] for row in rows if row["success"]]


def _pace(rows: list[dict[str, Any]]) -> float:
    return len(_good_times(rows)) / sum(float(row["time_s"]) for row in rows)


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _ratio(first: float | None, second: float | None) -> float | None:
    return first / second if first and second else None
