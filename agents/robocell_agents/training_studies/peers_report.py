"""What is made from a study's ``peers.json``: the page ``peers.md``, and the learning curves beside it."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

from rich.table import Table

from robocell_agents.pages.figures import STYLE, svg_file
from robocell_agents.pages.tables import markdown_table, rows_table
from robocell_agents.plotting import Figure, PercentFormatter, mpl
from robocell_agents.studies.document import mark, read_document
from robocell_agents.training_studies.figures import PALETTE

PEERS, _PAGE, _CURVES = "peers.json", "peers.md", "curves.svg"
_KEYS = ("study", "command", "env", "episodes", "time_limit_s", "peers", "ours", "hardware", "git")
Document = dict[str, Any]


def peers_files(folder: Path) -> dict[Path, str]:
    """Page and plot of the study in a folder, as texts by path.

    Raises:
        InputError: there is no study.
    """
    source = folder / PEERS
    document = read_document(source, _KEYS)
    return {folder / _PAGE: _page(document), folder / _CURVES: _curves(document) + mark(source)}


def peers_table(document: Document) -> Table:
    """The trainings for the terminal."""
    return rows_table(f"study {document['study']}: {document['time_limit_s'] / 60:g} minutes each", peer_rows(document))


def peer_rows(document: Document) -> list[list[str]]:
    """Header, then a row for each peer and for each of our recipes: medians over the training seeds."""
    header = [
        "",
        "seeds",
        "minutes",
        "environment steps",
        "success at the end",
        "best validation",
        f"≥ {100 * document['reach']:g} % after",
    ]
    rows = [
        [name, *_cells(list(runs.values()), document["reach"])]
        for name, runs in (*_theirs(document).items(), *document["ours"]["runs"].items())
    ]
    return [header, *rows]


def _theirs(document: Document) -> dict[str, dict[str, list[Document]]]:
    return {f"{document['env']}, {name}": peer["runs"] for name, peer in document["peers"].items()}


def _cells(runs: list[list[Document]], reach: float) -> list[str]:
    last = [rows[-1] for rows in runs]
    times = [next((row["wall_s"] for row in rows if row["success"] >= reach), math.inf) for rows in runs]
    soon = statistics.median(times)
    return [
        str(len(runs)),
        f"{statistics.median(row['wall_s'] for row in last) / 60:.1f}",
        f"{statistics.median(row['steps'] for row in last):,.0f}",
        f"{100 * statistics.median(row['success'] for row in last):.1f} %",
        f"{100 * statistics.median(max(row['success'] for row in rows) for rows in runs):.1f} %",
        f"{soon:.0f} s" if math.isfinite(soon) else "-",
    ]


def _page(document: Document) -> str:
    hardware, ours = document["hardware"], document["ours"]
    parts = [
        f"# Study {document['study']}",
        f"Made by `{document['command']}` at commit {document['git']['commit']} on {hardware['cpu']}, "
        f"{hardware['side_by_side']:g} trainings side by side on {hardware['cores_of_each_run']:g} of its cores each, "
        f"from `{PEERS}`; {document['episodes']} episodes in each validation. Our own trainings are those of the study "
        f"`{ours['study']}`, on {ours['cores_of_each_run']:g} cores each; they end by themselves when their target is "
        "certified.",
        f"The tasks are not the same. `{document['env']}` is done when a cube is within 5 cm of its goal, which may be "
        "in the air; there is no turning, no tray, and nothing that a hand could break. Its trainings start from "
        "nothing, ours from a program's demonstrations, made within the time.",
        f"![validation success over the wall time of the training]({_CURVES})",
        markdown_table(peer_rows(document)),
    ]
    return "\n\n".join(parts) + "\n"


def _curves(document: Document) -> str:
    """Validation success over minutes, on a logarithmic axis: each training a line."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 3.8), layout="constrained")
        axes = figure.subplots()
        for (name, runs), colour in zip(
            (*_theirs(document).items(), *document["ours"]["runs"].items()), PALETTE, strict=False
        ):
            for index, rows in enumerate(runs.values()):
                minutes, success = [row["wall_s"] / 60 for row in rows], [row["success"] for row in rows]
                axes.plot(minutes, success, color=colour, marker=".", linewidth=1.4, label=name if index == 0 else None)
        axes.set(xscale="log", ylim=(-0.02, 1.02), xlabel="minutes of training", ylabel="success in validation")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        figure.legend(loc="outside upper center", ncols=2)
        return svg_file(figure, "Learning curves beside those of peers")
