"""The picture of a study of adaptation: how early what has changed can be read, and what the policy does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from robocell_agents.pages.figures import COLOURS, MUTED, STYLE, svg_file
from robocell_agents.plotting import Axes, Figure, mpl
from robocell_agents.studies.config import REFERENCE
from robocell_agents.studies.document import mark, read_document

ADAPTATION, PICTURE = "adaptation.json", "adaptation.svg"
_KEYS = ("study", "policy", "probes", "conditions")
_QUANTITIES = ("#1f5fae", "#c0392b", "#8c3fa8", "#2f8f7b")
_SOURCES = {"computed": ("-", "last hidden layer"), "seen": (":", "observations")}
_BEHAVIOUR = {"grip_force_n": "commanded grip force, N", "acceleration_m_s2": "peak acceleration with part, m/s²"}
_ACTORS = {"policy": (COLOURS[0], "o", -0.12), REFERENCE: (COLOURS[1], "D", 0.12)}
Document = dict[str, Any]


def adaptation_files(folder: Path) -> dict[Path, str]:
    """The picture of the study in a folder, as text by path.

    Raises:
        InputError: there is no study.
    """
    source = folder / ADAPTATION
    return {folder / PICTURE: picture(read_document(source, _KEYS)) + mark(source)}


def picture(document: Document) -> str:
    """The figure as the text of an SVG file."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 4.6), layout="constrained")
        left, *right = figure.subplots(1, 1 + len(_BEHAVIOUR), width_ratios=[1.6, 1.0, 1.0])
        _probes(left, document["probes"])
        for axes, (key, label) in zip(right, _BEHAVIOUR.items(), strict=True):
            _behaviour(axes, document["conditions"], key, label)
        right[1].tick_params(labelleft=False)
        handles, labels = right[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
        return svg_file(figure, "What the policy can know, and what it does")


def adaptation_table(document: Document) -> Table:
    """What can be read at the start, at the first grip and at the end of the median cycle, for the terminal."""
    times, grip = document["probes"]["times_s"], document["probes"]["grip_s"]
    table = Table(title=f"{document['policy']}: R² of what can be read from its last hidden layer")
    for column in ("", "at the start", "at the grip", "at the end"):
        table.add_column(column, justify="right" if column else "left")
    at_grip = min(range(len(times)), key=lambda index: abs(times[index] - (grip or 0.0)))
    for name, r2 in document["probes"]["r2"].items():
        table.add_row(name, *(f"{r2['computed'][index]:.2f}" for index in (0, at_grip, -1)))
    return table


def _probes(axes: Axes, probes: Document) -> None:
    for (name, r2), colour in zip(probes["r2"].items(), _QUANTITIES, strict=False):
        for source, (style, _) in _SOURCES.items():
            label = name if source == "computed" else None
            axes.plot(probes["times_s"], r2[source], style, color=colour, linewidth=1.8, label=label)
    if probes["grip_s"] is not None:
        axes.axvline(probes["grip_s"], color=MUTED, linewidth=1.0)
        axes.text(probes["grip_s"], 1.01, "grip", color=MUTED, ha="center", transform=axes.get_xaxis_transform())
    axes.set(
        xlabel="s since the part has appeared", ylabel="R² on held-out episodes", ylim=(-0.02, 1.0), xlim=(0, None)
    )
    kinds = ", ".join(f"{'solid' if style == '-' else 'dotted'}: {what}" for style, what in _SOURCES.values())
    axes.set_title(f"what a linear probe reads ({kinds})", fontsize=9, color=MUTED, pad=16)
    axes.legend(loc="upper left", fontsize=8)


def _behaviour(axes: Axes, conditions: Document, key: str, label: str) -> None:
    """Medians and quartiles by condition, top to bottom."""
    for actor, (colour, marker, offset) in _ACTORS.items():
        known = [(index, each[actor][key]) for index, each in enumerate(conditions.values())]
        known = [(index, value) for index, value in known if value["median"] is not None]
        y = [index + offset for index, _ in known]
        low, high = [value["low"] for _, value in known], [value["high"] for _, value in known]
        axes.hlines(y, low, high, color=colour, alpha=0.45, linewidth=3)
        axes.plot([value["median"] for _, value in known], y, marker, color=colour, markersize=5, label=actor)
    axes.set_yticks(range(len(conditions)), [name.replace("_", " ") for name in conditions])
    axes.set(ylim=(len(conditions) - 0.5, -0.5), xlim=(0, None), xlabel=label)
    axes.grid(visible=False, axis="y")
