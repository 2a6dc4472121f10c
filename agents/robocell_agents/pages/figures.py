"""Figures of the report, each a piece of SVG that inherits the page's font and prints sharply."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robocell_agents.plotting import Axes, Figure, PercentFormatter, mpl
from robocell_agents.statistics import median_and_p95
from robocell_controller.statistics import wilson

INK, MUTED, LINE, BAND = "#1c2733", "#66748a", "#e3e8ef", "#f4f6f9"
COLOURS = ("#1f5fae", "#e08a1e", "#8b98a9", "#2f8f7b")  # the policy, then what it is measured against
_MARKERS = ("o", "D", "s", "^")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "robocell",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Series:
    """One policy's episodes.

    Attributes:
        name: as shown.
        rows: episodes by condition.
    """

    name: str
    rows: dict[str, list[dict[str, Any]]]

    def times(self, condition: str) -> list[float]:
        """Cycle times of the successes under a condition, s."""
        return [row["time_s"] for row in self.rows.get(condition, []) if row["success"]]


def learning_curve(progress: Sequence[dict[str, Any]], target: tuple[float, float] | None) -> str:
    """Success (with its Wilson interval) and cycle time over the wall time of the training.

    Args:
        progress: rows of a run's ``progress.jsonl``.
        target: success rate and median cycle time (s) of the program to beat.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 4.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        minutes = [row["wall_s"] / 60 for row in progress]
        low, high = ([row[key] for row in progress] for key in ("low", "high"))
        above.fill_between(minutes, low, high, color=COLOURS[0], alpha=0.13, linewidth=0)
        for axes, key in ((above, "success"), (below, "cycle_time_s")):
            _stages(axes, progress)
            known = [(row["wall_s"] / 60, row[key]) for row in progress if key == "success" or row["success"]]
            axes.plot(*zip(*known, strict=True), color=COLOURS[0], marker="o", markersize=4.5)
        if target:
            _level(above, target[0], "guided program")
            _level(below, target[1], "")
        above.set_ylim(min(0.8, *low) - 0.02, 1.02)
        above.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        above.set_ylabel("success")
        below.set(ylabel="cycle time, s", xlabel="minutes of training", xlim=(0, None))
        below.margins(y=0.25)
        return _svg(figure, "Success and cycle time on validation episodes over the time of training")


def success_by_condition(series: Sequence[Series], conditions: Sequence[str]) -> str:
    """Success of each policy under each condition, with Wilson 95 % intervals."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 1.0 + 0.44 * len(conditions)), layout="constrained")
        axes = figure.subplots()
        for index in range(0, len(conditions), 2):
            axes.axhspan(index - 0.5, index + 0.5, color=BAND, linewidth=0, zorder=0)
        for order, one in enumerate(series):
            _intervals(axes, one, conditions, order, (order - (len(series) - 1) / 2) * 0.24)
        axes.set_yticks(range(len(conditions)), [name.replace("_", " ") for name in conditions], color=INK)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(conditions) - 0.5, -0.5))
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.spines["left"].set_visible(False)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(series), handletextpad=0.3)
        return _svg(figure, "Success rate by condition with 95 % intervals")


def cycle_times(series: Sequence[Series], condition: str) -> str:
    """Histogram of the cycle times of the successes under one condition; dashed: the medians."""
    shown = [(order, one) for order, one in enumerate(series) if one.times(condition)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 2.9), layout="constrained")
        axes = figure.subplots()
        every = [time for _, one in shown for time in one.times(condition)]
        low, high = (np.percentile(every, [0, 99.5]) if every else (0.0, 1.0)) + np.array([-0.06, 0.14])
        edges = np.arange(np.floor(low / 0.04) * 0.04 - 0.02, high + 0.04, 0.04).tolist()  # a bin a policy period
        for order, one in shown:
            times, colour = np.clip(one.times(condition), edges[0], edges[-1]), COLOURS[order]
            weights = np.full(len(times), 1 / len(times))
            axes.hist(times, edges, weights=weights, color=colour, alpha=0.28, linewidth=0)
            axes.hist(times, edges, weights=weights, color=colour, histtype="step", linewidth=1.4)
            median = median_and_p95(list(times))["median"]
            assert median is not None
            axes.axvline(median, color=colour, linestyle=(0, (4, 3)), label=f"{one.name}: median {median:.2f} s")
        axes.set(xlabel="cycle time, s (slowest 0.5 % in the last bar)", ylabel="share of successes")
        axes.set_xlim(edges[0], edges[-1])
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(visible=False, axis="x")
        axes.legend(loc="upper right")
        return _svg(figure, "Histogram of cycle times")


def _intervals(axes: Axes, one: Series, conditions: Sequence[str], order: int, offset: float) -> None:
    colour = COLOURS[order]
    known = [(index, one.rows[name]) for index, name in enumerate(conditions) if one.rows.get(name)]
    counts = [(sum(row["success"] for row in rows), len(rows)) for _, rows in known]
    rates = [good / n for good, n in counts]
    y = [index + offset for index, _ in known]
    bounds = [wilson(good, n) for good, n in counts]
    axes.hlines(y, [low for low, _ in bounds], [high for _, high in bounds], color=colour, alpha=0.45, linewidth=3)
    axes.plot(rates, y, _MARKERS[order], color=colour, markersize=5.5, label=one.name, clip_on=False)


def _stages(axes: Axes, progress: Sequence[dict[str, Any]]) -> None:
    """Shades every other stage of the training and names it at the top."""
    begin, names = 0.0, list(dict.fromkeys(row["stage"] for row in progress))
    for index, name in enumerate(names):
        end = max(row["wall_s"] for row in progress if row["stage"] == name) / 60
        if index % 2 == 0:
            axes.axvspan(begin, end, color=BAND, linewidth=0, zorder=0)
        if axes.get_subplotspec() and axes.get_subplotspec().is_first_row():  # type: ignore[union-attr]
            label = name.upper() if len(name) <= 4 else name
            axes.text((begin + end) / 2, 1.02, label, transform=axes.get_xaxis_transform(), ha="center", color=MUTED)
        begin = end


def _level(axes: Axes, value: float, label: str) -> None:
    axes.axhline(value, color=COLOURS[1], linestyle=(0, (4, 3)), linewidth=1.3, label=label or None)
    if label:
        axes.legend(loc="lower right")


def svg_file(figure: Figure, title: str) -> str:
    """The figure as the text of an SVG file, without a date and in the reader's own sans serif."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", facecolor="white", metadata={"Date": None, "Title": title})
    return buffer.getvalue().replace("'DejaVu Sans'", "sans-serif").replace("DejaVu Sans", "sans-serif")


def _svg(figure: Figure, description: str) -> str:
    """The figure as an SVG element, without the XML prologue and without a date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("DejaVu Sans", "inherit").replace("'inherit'", "inherit")
    return text.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)
