"""The report: one HTML page that opens offline and says what was trained, how good it is and how that was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robocell_agents.acting.actors import load_actor
from robocell_agents.evaluation.evaluate import metrics
from robocell_agents.pages import figures, filmstrip
from robocell_agents.pages import report_page as html
from robocell_agents.pages import report_tables as tables
from robocell_agents.pages.figures import Series
from robocell_agents.pages.report_tables import number, paired, percent, times
from robocell_controller.cell.config import CellConfig
from robocell_controller.files import write_bytes, write_text
from robocell_envs.cell_env import PickPlaceEnv

Document = dict[str, Any]
REPORT, FILM = "report.html", "pick.gif"


@dataclass(frozen=True, slots=True)
class Story:
    """What a report tells.

    Attributes:
        policy: what is reported on, see :func:`robocell_agents.acting.actors.load_actor`.
        cell: the cell it was made for.
        evaluations: documents of ``robocell evaluate``, the policy's first; several of one policy are joined.
        progress: rows of the training's ``progress.jsonl``.
        controller: summary of a controller run.
        commands: command lines that make all this again.
    """

    policy: str
    cell: CellConfig
    evaluations: Sequence[Document]
    progress: Sequence[Document] = ()
    controller: Document | None = None
    commands: Sequence[str] = field(default=())


def write_report(folder: Path, story: Story) -> Path:
    """Writes ``report.html`` and ``pick.gif`` into a folder and returns the page's path."""
    series = _series(story.evaluations)
    condition = next(iter(series[0].rows))
    seed = _typical(series[0].rows[condition])
    env = PickPlaceEnv(story.cell, render_mode="rgb_array")
    film = filmstrip.record(env, load_actor(story.policy, story.cell), seed)
    env.close()
    animation = filmstrip.gif(film)
    write_bytes(folder / FILM, animation)
    stills = [(f"{time:.2f} s", filmstrip.data_url(png, "png")) for time, png in filmstrip.strip(film)]
    picture = html.section(
        "One pick",
        f"The {series[0].name} on episode {seed}, one of median cycle time, in real time.",
        html.film(filmstrip.data_url(animation, "gif"), stills),
    )
    parts = [html.cards(list(_headline(series, condition))), picture, *_sections(story, series, condition)]
    title = "Pick and place, learned" if story.progress else "Pick and place"
    write_text(folder / REPORT, html.page(title, _lead(series, condition), parts))
    return folder / REPORT


def _series(evaluations: Sequence[Document]) -> list[Series]:
    """Rows of each policy by condition, in the order of the documents; an episode met twice counts once."""
    found: dict[str, dict[str, dict[int, Document]]] = {}
    for document in evaluations:
        conditions = found.setdefault(document["policy"], {})
        for row in document["episodes"]:
            conditions.setdefault(row["condition"], {}).setdefault(row["seed"], row)
    return [
        Series(_name(policy, index), {name: list(episodes.values()) for name, episodes in conditions.items()})
        for index, (policy, conditions) in enumerate(found.items())
    ]


def _name(policy: str, index: int) -> str:
    if policy.startswith("program:"):
        return policy.removeprefix("program:") + " program"
    return "learned policy" if index == 0 else policy


def _typical(rows: Sequence[Document]) -> int:
    """Seed of the success with the median cycle time; without a success, the first seed."""
    good = sorted((row["time_s"], row["seed"]) for row in rows if row["success"])
    return int(good[len(good) // 2][1] if good else rows[0]["seed"])


def _lead(series: Sequence[Series], condition: str) -> str:
    success = metrics(series[0].rows[condition])["success"]
    interval = f"{percent(success['low'])} to {percent(success['high'])}"
    return (
        f"On {success['n']} {condition} test episodes the {series[0].name} places {percent(success['rate'])} of "
        f"the parts (95 % interval {interval}). Every policy meets the same parts in the same places."
    )


def _headline(series: Sequence[Series], condition: str) -> Iterator[tuple[str, str, str]]:
    now = metrics(series[0].rows[condition])
    compared = paired(series[0], series[1], condition) if len(series) > 1 else None
    success, cycle, errors = now["success"], now["cycle_time_s"], now["placement_error_m"]
    interval = f"{percent(success['low'])} – {percent(success['high'])}, n = {success['n']}"
    yield "Success", percent(success["rate"]), interval
    pace = f"{now['parts_per_hour']:.0f}"
    if compared:
        other = series[1].name
        yield "Cycle time", number(cycle["median"], "s"), f"median; {times(compared['cycle_time_ratio'])} the {other}'s"
        yield "Parts per hour", pace, f"{times(compared['parts_per_hour_ratio'])} the {other}'s"
    else:
        yield "Cycle time", number(cycle["median"], "s"), f"median; p95 {number(cycle['p95'], 's')}"
        yield "Parts per hour", pace, "failures and their time included"
    yield "Placement error", number(errors["median"], "mm", 1e3), f"median; p95 {number(errors['p95'], 'mm', 1e3)}"


def _sections(story: Story, series: Sequence[Series], condition: str) -> Iterator[str]:
    if story.progress:
        yield html.section(
            "Learning",
            "Success and cycle time on validation episodes during training; the band is the 95 % interval.",
            figures.learning_curve(story.progress, _target(series, condition)),
        )
    conditions = list(dict.fromkeys(name for one in series for name in one.rows))
    yield html.section(
        "Success by condition",
        "Each condition changes one thing about production. Points are rates, bars Wilson 95 % intervals.",
        figures.success_by_condition(series, conditions),
    )
    yield html.section(
        "Cycle time", f"Of the parts placed, condition {condition}.", figures.cycle_times(series, condition)
    )
    yield html.section("In numbers", "", tables.numbers(series, conditions))
    if len(series) > 1:
        note = "Episode by episode on the same seeds. Difference in percentage points with its 95 % interval."
        yield html.section(f"Against the {series[1].name}", note, tables.comparison(series, conditions))
    if story.controller:
        note = "The exported bundle in the controller loop, part after part."
        yield html.section("In the controller", note, tables.controller(story.controller))
    yield html.section("Made with", "", html.pairs(list(tables.provenance(story.evaluations[0]))))
    if story.commands:
        yield html.section("Make it again", "", html.commands(story.commands))


def _target(series: Sequence[Series], condition: str) -> tuple[float, float] | None:
    guided = next((one for one in series[1:] if one.name == "guided program"), None)
    if guided is None or not guided.times(condition):
        return None
    figures_of_guided = metrics(guided.rows[condition])
    return figures_of_guided["success"]["rate"], figures_of_guided["cycle_time_s"]["median"]
