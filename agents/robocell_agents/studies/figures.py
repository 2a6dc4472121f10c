"""Plots of a study: success and pace under every change, and pace over time in shifts with a change in mid-shift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from robocell_agents.pages.figures import BAND, COLOURS, INK, MUTED, STYLE, svg_file
from robocell_agents.plotting import Axes, Figure, FuncFormatter, Line2D, NullLocator, PercentFormatter, mpl
from robocell_agents.studies.shift_pace import pace_over_time

_POLICY_COLOURS = (COLOURS[0], "#8c3fa8", "#c0392b")
_PROGRAM_COLOURS = {"program:guided": COLOURS[1], "program:rigid": COLOURS[2], "program:oracle": COLOURS[3]}
_PROGRAM_MARKERS = {"program:guided": "D", "program:rigid": "s", "program:oracle": "^"}
_LEAST_RATIO, _GREATEST_RATIO = 0.25, 4.0  # what lies outside is drawn at the edge
_TITLES = {"within": "within the training's ranges", "beyond": "beyond them"}
_WIDTH = 10.0  # inches
_REMARK: Any = {"ha": "right", "va": "bottom", "fontsize": 7, "color": MUTED}
Document = dict[str, Any]


def success(document: Document) -> str:
    """Success of each contestant under each change, with Wilson 95 % intervals."""
    with mpl.rc_context(STYLE):
        figure, panels = _panels(document, "success")
        for kind, axes in panels.items():
            for contestant, offset in _offsets(document).items():
                for entry in document["contestants"][contestant]["entries"]:
                    rates = [_measured(document, kind, name, entry)["success"] for name in _names(document)]
                    y = np.arange(len(rates)) + offset
                    colour, marker = _look(document, contestant)
                    low, high = ([rate[key] for rate in rates] for key in ("low", "high"))
                    axes.hlines(y, low, high, color=colour, alpha=0.45, linewidth=2.5)
                    axes.plot([rate["rate"] for rate in rates], y, marker, color=colour, markersize=4.5, clip_on=False)
            axes.set_xlim(-0.02, 1.02)
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        return _svg(figure, document, "Success under each production change with 95 % intervals")


def pace(document: Document) -> str:
    """Good parts per hour under each change as a ratio to the reference program's."""
    reference = document["reference"]
    others = [name for name, each in document["contestants"].items() if each["entries"] != [reference]]
    with mpl.rc_context(STYLE):
        figure, panels = _panels(document, f"good parts per hour against {reference}")
        for kind, axes in panels.items():
            axes.axvline(1.0, color=COLOURS[1], linestyle=(0, (4, 3)), linewidth=1.3)
            for contestant in others:
                for entry in document["contestants"][contestant]["entries"]:
                    ratios = [_ratio(document, kind, name, entry) for name in _names(document)]
                    y = np.arange(len(ratios)) + _offsets(document)[contestant]
                    colour, marker = _look(document, contestant)
                    axes.plot(ratios, y, marker, color=colour, markersize=4.5, clip_on=False)
            axes.set(xscale="log", xlim=(_LEAST_RATIO, _GREATEST_RATIO), xticks=[0.25, 0.5, 1, 2, 4])
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
            axes.xaxis.set_minor_locator(NullLocator())
        return _svg(figure, document, "Good parts per hour under each production change, as a ratio")


def shifts(document: Document) -> str:
    """Good parts per hour over time in shifts with a change in the middle of them, with 95 % bands."""
    changes = document["shifts"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, 1.0 + 2.4 * len(changes)), layout="constrained")
        panels = figure.subplots(len(changes), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, change) in zip(panels, changes.items(), strict=True):
            for contestant, each in document["contestants"].items():
                for entry in each["entries"]:
                    _pace_line(axes, change, entry, _look(document, contestant)[0])
            axes.axvline(change["at_s"], color=INK, linewidth=1.2)
            axes.set_ylim(0, None)
            axes.set_ylabel("good parts per hour")
            axes.annotate(
                f" {_spaced(name)}", (change["at_s"], 1.0), xycoords=("data", "axes fraction"), va="bottom", color=INK
            )
        window_s = min(change["window_s"] for change in changes.values())
        panels[-1].set(xlabel=f"seconds of the shift; pace of the last {window_s:g} s", xlim=(window_s, None))
        return _svg(figure, document, "Good parts per hour before and after a change in mid-shift")


def _pace_line(axes: Axes, change: Document, entry: str, colour: str) -> None:
    times, mean, half = pace_over_time(change["entries"][entry]["shifts"], change["window_s"])
    axes.fill_between(times, np.maximum(mean - half, 0.0), mean + half, color=colour, alpha=0.15, linewidth=0)
    axes.plot(times, mean, color=colour, linewidth=1.8)


def _panels(document: Document, label: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each range of the changes, the changes' names on the left."""
    names = _names(document)
    figure = Figure(figsize=(_WIDTH, 1.4 + 0.36 * len(names)), layout="constrained")
    panels = dict(zip(_TITLES, figure.subplots(1, 2, sharey=True), strict=True))
    for kind, axes in panels.items():
        for index in range(0, len(names), 2):
            axes.axhspan(index - 0.5, index + 0.5, color=BAND, linewidth=0, zorder=0)
        axes.set_title(_TITLES[kind], color=MUTED, fontsize=10)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=label)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        for index, name in enumerate(names):
            if document["conditions"][f"{name}/{kind}"]["feasible"] is False:
                axes.text(0.99, index + 0.42, "not feasible", transform=axes.get_yaxis_transform(), **_REMARK)
    panels["within"].set_yticks(range(len(names)), [_spaced(name) for name in names], color=INK)
    return figure, panels


def _names(document: Document) -> list[str]:
    """Names of the changes."""
    names = (key.rpartition("/")[0] for key, each in document["conditions"].items() if each["kind"] == "within")
    return list(names)


def _offsets(document: Document) -> dict[str, float]:
    """Where each contestant's points lie around a change's line."""
    names = list(document["contestants"])
    return {name: (index - (len(names) - 1) / 2) * 0.8 / len(names) for index, name in enumerate(names)}


def _look(document: Document, contestant: str) -> tuple[str, str]:
    """Colour and marker: a program's own, or the next one of the policies'."""
    references = {name: each["references"][0] for name, each in document["contestants"].items()}
    if references[contestant] in _PROGRAM_COLOURS:
        return _PROGRAM_COLOURS[references[contestant]], _PROGRAM_MARKERS[references[contestant]]
    policies = [name for name, reference in references.items() if reference not in _PROGRAM_COLOURS]
    return _POLICY_COLOURS[policies.index(contestant) % len(_POLICY_COLOURS)], "o"


def _measured(document: Document, kind: str, name: str, entry: str) -> Document:
    measured: Document = document["conditions"][f"{name}/{kind}"]["entries"][entry]
    return measured


def _ratio(document: Document, kind: str, name: str, entry: str) -> float:
    ours, theirs = (_measured(document, kind, name, each)["parts_per_hour"] for each in (entry, document["reference"]))
    ratio = ours / theirs if theirs else math.inf
    return min(max(ratio, _LEAST_RATIO), _GREATEST_RATIO)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _svg(figure: Figure, document: Document, description: str) -> str:
    """The figure with its legend as the text of an SVG file, in the reader's own sans serif."""
    looks = {name: _look(document, name) for name in document["contestants"]}
    handles = [Line2D([], [], color=colour, marker=marker, label=name) for name, (colour, marker) in looks.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return svg_file(figure, description)
