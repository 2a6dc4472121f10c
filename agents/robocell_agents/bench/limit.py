"""``robocell bench limit``: evaluated cycle times against the least that the arm's data sheet leaves, seed by seed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from gymnasium.utils import seeding

from robocell_agents import provenance
from robocell_agents.bench.cycle_limit import CycleLimits
from robocell_agents.evaluation.compare import check_same_episodes, read_evaluation
from robocell_agents.evaluation.evaluate import Row
from robocell_agents.statistics import median_and_p95
from robocell_agents.suites.suite import Suite, load_suite
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.progress import progress_bar
from robocell_envs.config.simulation import simulation_config
from robocell_envs.scene.scenario import Scenario, draw

PUBLISHED = tuple(Path("results", "pick_place", f"{name}.json") for name in ("policy", "guided", "oracle"))
_TIMES = ("limit_s", "reach_s", "transfer_s", "retreat_s")
_DIGITS = 4  # tenths of a millisecond
Document = dict[str, Any]


def bench_limit(paths: list[Path]) -> Document:
    """Limits of the cycles that the evaluations ``paths`` played, and the times they took, as multiples of them.

    Returns:
        What ``robocell bench limit --json`` prints: ``limit_s`` and the legs that it is the sum of; for each of the
        ``policies`` the cycle time of its successes and ``over_limit``, its ratio to the limit of the same cycle; all
        as median and 95th percentile. ``cycles`` has the limits one by one.

    Raises:
        InputError: not an evaluation, of other episodes than the first, or of a suite that has changed since.
    """
    documents = {path: read_evaluation(path) for path in paths}
    first = documents[paths[0]]
    for path in paths[1:]:
        check_same_episodes(first, documents[path], paths[0], path)
    cycles = _cycles(_suite(first, paths[0]), first["episodes"])
    return {
        **provenance.record(),
        "suite": first["suite"],
        "seeds": first["seeds"],
        **{key: median_and_p95([cycle[key] for cycle in cycles]) for key in _TIMES},
        "policies": [_against(cycles, document) for document in documents.values()],
        "cycles": cycles,
    }


def scenario(cell: CellConfig, seed: int) -> Scenario:
    """What an episode of a seed begins with: the first draw of the environment's random stream."""
    generator, _ = seeding.np_random(seed)
    return draw(simulation_config(cell), int(generator.integers(2**63)))


def _suite(document: Document, path: Path) -> Suite:
    """The suite as it is now; limits of other cells than those evaluated would say nothing."""
    suite = load_suite(document["suite"]["name"])
    found, now = document["suite"]["sha256"], suite.summary()["sha256"]
    if found != now:
        raise InputError(f"{path}: suite.sha256", found, f"{now}, of the suite as it is now; evaluate again")
    return suite


def _cycles(suite: Suite, rows: list[Row]) -> list[Document]:
    """The limit of each row's cycle, and of its legs."""
    limits = {name: CycleLimits(cell) for name, cell in suite.conditions.items()}
    cycles = []
    with progress_bar() as progress:
        for row in progress.track(rows, description="bench limit"):
            condition, seed = row["condition"], row["seed"]
            limit = limits[condition].of(scenario(suite.conditions[condition], seed))
            times = {**asdict(limit), "limit_s": limit.total_s}
            cycles.append(
                {"condition": condition, "seed": seed, **{key: round(time, _DIGITS) for key, time in times.items()}}
            )
    return cycles


def _against(cycles: list[Document], document: Document) -> Document:
    """A policy's successes against the limits of their cycles."""
    limits = {(cycle["condition"], cycle["seed"]): cycle["limit_s"] for cycle in cycles}
    good = [row for row in document["episodes"] if row["success"]]
    ratios = [row["time_s"] / limits[row["condition"], row["seed"]] for row in good]
    return {
        "policy": document["policy"],
        "successes": len(good),
        "cycle_time_s": median_and_p95([row["time_s"] for row in good]),
        "over_limit": median_and_p95(ratios),
    }
