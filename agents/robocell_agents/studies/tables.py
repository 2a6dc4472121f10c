"""Tables of a study: for the README, for its own page, and for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from robocell_agents.pages.tables import COLUMNS, markdown_table, metric_cells
from robocell_agents.studies.analysis import FEASIBLE, PROGRAMS, SCOPES

_SCOPES = {"all": "all changes", "feasible": "feasible ones", "within": "within training", "beyond": "beyond it"}
_EXTRA = ("at least (95 %, one-sided)", "peak force, p95", "against {}, points", "p, Holm")
_NONE = "-"
_NOTE = f"(*) not feasible: the oracle program places less than {100 * FEASIBLE:.0f} %."
_SEEDS = "Across training seeds, interquartile mean and 95 % interval of a stratified bootstrap"
_MEANS = "Who places nothing under a change counts in the means as if it had been one part."
Document = dict[str, Any]


def page(document: Document, plots: list[str]) -> str:
    """The study's page: how it was made, plots, and every figure of every entry under every condition."""
    seeds, hardware = document["seeds"], document["hardware"]
    references = (f"{name}: {', '.join(each['references'])}" for name, each in document["contestants"].items())
    parts = [
        f"# Study {document['study']}",
        f"Made by `{document['command']}` at commit {document['git']['commit']} on {hardware['cpu']} "
        f"({hardware['workers']} workers, {hardware['worker_s']:.0f} s of their time in all), from `study.json`. "
        f"Seeds {seeds['range']}, from {seeds['first']} on, the same for all. Contestants: {'; '.join(references)}.",
        *(f"![{plot.removesuffix('.svg')}]({plot})" for plot in plots),
        f"## Good parts per hour, geometric mean over the changes\n\n{markdown_table(pace_rows(document))}\n\n{_MEANS}",
        *_recipes(document, f"## {_SEEDS}"),
        *_shifts(document),
        _NOTE,
        *(f"## {entry}\n\n{markdown_table(_entry_rows(document, entry))}" for entry in _entries(document)),
    ]
    return "\n\n".join(parts) + "\n"


def pace_tables(document: Document) -> str:
    """Mean ratios, and recipes across their seeds; each single condition stands on the study's page."""
    parts = [markdown_table(pace_rows(document)), *_recipes(document, f"{_SEEDS}:"), _MEANS]
    return "\n\n".join(parts)


def pace_rows(document: Document) -> list[list[str]]:
    """Header, then a row for each entry and program: geometric mean of the ratios of good parts per hour."""
    rows = [
        [entry, program, *(_times(ratios[program][scope]) for scope in SCOPES)]
        for entry, ratios in document["pace"].items()
        for program in PROGRAMS
        if program in ratios
    ]
    return [["", "against", *(_SCOPES[scope] for scope in SCOPES)], *rows]


def study_table(document: Document) -> Table:
    """The mean ratios for the terminal."""
    header, *rows = pace_rows(document)
    table = Table(title=f"study {document['study']}: good parts per hour, geometric mean over the changes")
    for index, column in enumerate(header):
        table.add_column(column, justify="left" if index < 2 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _entries(document: Document) -> list[str]:
    return [entry for each in document["contestants"].values() for entry in each["entries"]]


def _entry_rows(document: Document, entry: str) -> list[list[str]]:
    extra = [text.format(document["reference"]) for text in _EXTRA]
    rows = []
    for name, condition in document["conditions"].items():
        measured = condition["entries"][entry]
        test = measured.get("against_reference")
        rows.append(
            [
                _marked(name, condition),
                *metric_cells(measured),
                f"{100 * measured['success']['lower_bound']:.2f} %",
                f"{measured['peak_force_n']['p95']:.0f} N",
                _difference(test["difference"]) if test else _NONE,
                f"{test['p_holm']:.2g}" if test and "p_holm" in test else _NONE,
            ]
        )
    return [["condition", *COLUMNS, *extra], *rows]


def _recipes(document: Document, title: str) -> list[str]:
    """Recipes of several training seeds over the conditions of each kind; nothing where there are none."""
    rows = [
        [name, kind, _interval(scores["success"], 100.0, 1, " %"), _interval(scores["parts_per_hour"], 1.0, 0, "")]
        for name, recipe in document["recipes"].items()
        for kind, scores in recipe["over"].items()
        if scores
    ]
    return [title, markdown_table([["recipe", "conditions", "success", "parts/h"], *rows])] if rows else []


def _shifts(document: Document) -> list[str]:
    """Pace before and after each change in mid-shift; nothing where there are none."""
    rows = [
        [name, f"{change['at_s']:g} s", entry, f"{each['before']:.0f}", f"{each['after']:.0f}", _kept(each)]
        for name, change in document["shifts"].items()
        for entry, each in change["entries"].items()
    ]
    header = ["change in mid-shift", "at", "", "parts/h before", "after", "kept"]
    return [f"## Shifts\n\n{markdown_table([header, *rows])}"] if rows else []


def _kept(pace: Document) -> str:
    return f"{100 * pace['after'] / pace['before']:.0f} %" if pace["before"] else _NONE


def _marked(name: str, condition: Document) -> str:
    return f"{name} (*)" if condition["feasible"] is False else name


def _difference(difference: Document) -> str:
    value, low, high = (100 * difference[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _interval(score: Document, scale: float, digits: int, unit: str) -> str:
    value, low, high = (f"{scale * score[key]:.{digits}f}" for key in ("iqm", "low", "high"))
    return f"{value}{unit} ({low}-{high})"


def _times(ratio: float | None) -> str:
    return _NONE if ratio is None else f"{ratio:.2f}×"
