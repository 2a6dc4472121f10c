"""Learning curves of a study of trainings: validation success and pace over wall time, each recipe in its colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from robocell_agents.pages.figures import MUTED, STYLE, svg_file
from robocell_agents.plotting import Axes, Figure, Line2D, PercentFormatter, mpl
from robocell_controller.contract import Array

PALETTE = (
    "#1f5fae",
    "#e08a1e",
    "#2f8f7b",
    "#c0392b",
    "#8c3fa8",
    "#6b4f3a",
    "#8b98a9",
    "#d4689a",
    "#a3a01c",
    "#17a2c4",
)
_KEYS = {"success": "success", "parts_per_hour": "good parts per hour"}
_POINTS = 200
NOT_TRAINING = ("chosen", "certified")  # rows of other episodes, after the training
Document = dict[str, Any]
Rows = list[dict[str, Any]]


def curves(document: Document) -> str:
    """The figure as the text of an SVG file: thin lines are training seeds, thick ones their median."""
    cells = document["cells"]
    names = list(dict.fromkeys(name for cell in cells.values() for name in sorted(cell["recipes"])))
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(cells) + 0.6, 6.4), layout="constrained")
        panels = figure.subplots(len(_KEYS), len(cells), sharex=True, sharey="row", squeeze=False)
        for column, (cell, content) in enumerate(cells.items()):
            panels[0, column].set_title(cell.replace("_", " "), color=MUTED, fontsize=10)
            panels[-1, column].set_xlabel("minutes of training")
            for row, key in enumerate(_KEYS):
                for name, recipe in content["recipes"].items():
                    _lines(panels[row, column], [run["curve"] for run in recipe["runs"].values()], key, colours[name])
        for row, label in enumerate(_KEYS.values()):
            panels[row, 0].set_ylabel(label)
        panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        panels[0, 0].set_ylim(-0.02, 1.02)
        panels[1, 0].set(ylim=(0, None), xlim=(0, None))
        handles = [Line2D([], [], color=colour, label=name.replace("_", " ")) for name, colour in colours.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=4)
        return svg_file(figure, "Learning curves")


def median_curve(runs: list[Rows], key: str) -> tuple[Array, Array]:
    """Median over the runs from the moment on when each has been validated; the last value of each is held.

    Returns:
        Moments, s, and values, [n] each; empty where a run was never validated.
    """
    if not runs or not all(runs):
        return np.empty(0), np.empty(0)
    times = np.linspace(max(rows[0]["wall_s"] for rows in runs), max(rows[-1]["wall_s"] for rows in runs), _POINTS)
    values = []
    for rows in runs:
        latest = np.searchsorted([row["wall_s"] for row in rows], times, "right") - 1
        values.append(np.array([row[key] for row in rows])[latest])
    return times, np.median(values, axis=0)


def _lines(axes: Axes, runs: list[Rows], key: str, colour: str) -> None:
    runs = [[row for row in rows if row["stage"] not in NOT_TRAINING] for rows in runs]
    for rows in runs:
        minutes = [row["wall_s"] / 60 for row in rows]
        axes.plot(
            minutes, [row[key] for row in rows], color=colour, alpha=0.35, linewidth=0.9, marker=".", markersize=3
        )
    times, median = median_curve(runs, key)
    axes.plot(times / 60, median, color=colour, linewidth=2.0)
