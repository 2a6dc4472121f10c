"""``robocell results``: tables of README and docs, pages and plots, made from the JSON files in ``results/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from robocell_agents.bench.physics import PHYSICS_COLUMNS, physics_rows
from robocell_agents.evaluation.compare import compare
from robocell_agents.files import read_json
from robocell_agents.pages.tables import (
    COLUMNS,
    LIMIT_COLUMNS,
    limit_rows,
    markdown_table,
    metric_cells,
    parts_rows,
    resource_rows,
    speed_rows,
)
from robocell_agents.results.controller_table import controller_table
from robocell_agents.results.environment_docs import environments_page
from robocell_agents.results.trust_table import trust_table
from robocell_agents.studies.adaptation_report import ADAPTATION, adaptation_files
from robocell_agents.studies.report import STUDY, is_same, read_study, study_files
from robocell_agents.studies.tables import pace_tables
from robocell_agents.training_studies.peers_report import PEERS, peers_files
from robocell_agents.training_studies.report import TRAININGS, training_study_files
from robocell_controller.errors import InputError
from robocell_controller.files import write_text
from robocell_controller.statistics import wilson

_BEGIN, _END = "<!-- results: {} -->", "<!-- end of results: {} -->"
_ADAPTIVITY = "adaptivity"  # the study that the page of results tells of
_NAMES = {
    "policy": "trained policy (the bundle)",
    "oracle": "`program:oracle`, sees the true state",
    "guided": "`program:guided`, same sensors",
    "rigid": "`program:rigid`, taught points",
}


def regenerate(folder: Path, check: bool) -> int:
    """Writes the tables into README and ``docs`` beside ``folder``, and the studies' pages and plots.

    Args:
        folder: of the result files.
        check: only say what is stale.

    Returns:
        Exit code: 1 if ``check`` found something stale.

    Raises:
        InputError: a result or a marker is missing.
    """
    root = folder.parent
    pages = {
        "README.md": {"pick_place": _pick_place(folder / "pick_place")},
        "docs/results.md": tables(folder),
        "docs/bundles.md": {"trust": trust_table(folder)},
        "docs/controller.md": {"realtime": controller_table(folder)},
    }
    texts = {root / page: _filled(root / page, generated) for page, generated in pages.items()}
    texts[root / "docs" / "environments.md"] = environments_page()
    for study in sorted(folder.glob(f"*/{STUDY}")):
        texts |= study_files(study.parent)
    for trainings in sorted(folder.glob(f"*/{TRAININGS}")):
        texts |= training_study_files(trainings.parent)
    for adaptation in sorted(folder.glob(f"*/{ADAPTATION}")):
        texts |= adaptation_files(adaptation.parent)
    for peers in sorted(folder.glob(f"*/{PEERS}")):
        texts |= peers_files(peers.parent)
    stale = [path for path, text in texts.items() if not is_same(path, text)]
    if not check:
        for path in stale:
            write_text(path, texts[path])
        return 0
    for path in texts:
        state = "stale, run make results" if path in stale else "up to date"
        Console(stderr=True).print(f"{path.relative_to(root)}: {state}")
    return int(bool(stale))


def _filled(path: Path, generated: dict[str, str]) -> str:
    """The page ``path`` with each table in its place."""
    text = path.read_text(encoding="utf-8")
    for name, table in generated.items():
        text = _replaced(text, name, table, path)
    return text


def tables(folder: Path) -> dict[str, str]:
    """The generated tables by the name of their place in ``docs/results.md``, as Markdown."""
    known = (folder / _ADAPTIVITY / STUDY).is_file()
    return {
        **({_ADAPTIVITY: pace_tables(read_study(folder / _ADAPTIVITY))} if known else {}),
        "environments": _environments(folder / "environments"),
        "conditions": _conditions(folder / "pick_place"),
        "controller": _controller(sorted((folder / "pick_place").glob("run-*.json"))),
        "limit": _limit(read_json(folder / "bench_limit.json", "what robocell bench limit --json prints")),
        "physics": _physics(read_json(folder / "bench_physics.json", "what robocell bench physics --json prints")),
        "speed": speed_tables(read_json(folder / "bench_env.json", "what robocell bench env --json prints")),
    }


def _pick_place(folder: Path) -> str:
    rows = {name: _evaluation(folder / f"{name}.json") for name in _NAMES}
    lines = [[_NAMES[name], *metric_cells(document)] for name, document in rows.items()]
    paired = compare(folder / "policy.json", folder / "guided.json")["all"]  # one condition only
    commands = "\n".join(f"    {document['command']}" for document in rows.values())
    return (
        f"{markdown_table([['', *COLUMNS], *lines])}\n\n"
        f"Policy against `program:guided` on the same seeds: median cycle time "
        f"{paired['cycle_time_ratio']:.3f}×, exact McNemar p = {paired['p_value']:.2g} for success. Made by\n\n"
        f"{commands}"
    )


def _environments(folder: Path) -> str:
    """Programs and the adaptive policy in each of the other cells, as ``SUITE-NAME.json`` in ``folder`` tells."""
    documents = [_evaluation(path) for path in sorted(folder.glob("*.json"))]
    lines = [[f"{each['suite']['name']}: {each['policy']}", *metric_cells(each)] for each in documents]
    return markdown_table([["", *COLUMNS], *lines])


def _conditions(folder: Path) -> str:
    names = ("policy", "guided", "rigid")
    documents = {name: _evaluation(folder / f"conditions-{name}.json")["conditions"] for name in names}
    header = ["condition", *(f"{name}: success, parts/h" for name in names)]
    lines = [
        [condition, *(_success_and_pace(documents[name][condition]) for name in names)]
        for condition in documents["policy"]
    ]
    return markdown_table([header, *lines])


def _controller(paths: list[Path]) -> str:
    runs = [read_json(path, "what robocell run --json prints") for path in paths]
    parts, placed = (sum(run[key] for run in runs) for key in ("parts", "placed"))
    low, high = wilson(placed, parts)
    hours = sum(run["time_s"] for run in runs) / 3600
    return (
        f"In {len(runs)} runs of the controller loop (`robocell run results/policies/pick_place --parts 200 --seed 0` "
        f"and on), part after part without a reset, it placed {placed} of {parts} parts "
        f"({100 * placed / parts:.1f} %, 95 % interval {100 * low:.1f}-{100 * high:.1f}), "
        f"{placed / hours:.0f} an hour; "
        f"safety interventions: {sum(sum(run['interventions'].values()) for run in runs)}.{_stops(runs)}"
    )


def _stops(runs: list[dict[str, Any]]) -> str:
    """What made runs stop before their last part."""
    causes = [f"one stopped itself after {run['parts']} parts: {run['stopped']}" for run in runs if run["stopped"]]
    return "".join(f" {cause[0].upper()}{cause[1:]}." for cause in causes)


def _success_and_pace(metrics: dict[str, Any]) -> str:
    success = metrics["success"]
    interval = f"{100 * success['low']:.1f}-{100 * success['high']:.1f}"
    return f"{100 * success['rate']:.1f} % ({interval}), {metrics['parts_per_hour']:.0f}"


def speed_tables(document: dict[str, Any]) -> str:
    """Speeds, processes and memory, and the cost of many parts, as Markdown."""
    rows = (speed_rows(document), resource_rows(document), parts_rows(document))
    return "\n\n".join(markdown_table(table) for table in rows)


def _limit(document: dict[str, Any]) -> str:
    return markdown_table([["", *LIMIT_COLUMNS], *limit_rows(document)])


def _physics(document: dict[str, Any]) -> str:
    return markdown_table([[*PHYSICS_COLUMNS], *physics_rows(document)])


def _evaluation(path: Path) -> dict[str, Any]:
    return read_json(path, "a file that robocell evaluate wrote")


def _replaced(text: str, name: str, table: str, page: Path) -> str:
    begin, end = _BEGIN.format(name), _END.format(name)
    if begin not in text or end not in text:
        raise InputError(page, f"no {begin} … {end}", "the place of a generated table")
    head, rest = text.split(begin, 1)
    return f"{head}{begin}\n{table}\n{end}{rest.split(end, 1)[1]}"
