"""Evaluation: an actor on the seeded episodes of a suite, spread over processes, as one JSON document."""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import Future, as_completed
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from robocell_agents import provenance
from robocell_agents.acting.actors import Actor, announced_actor, load_actor
from robocell_agents.files import json_with_rows
from robocell_agents.seeds import FIRST_SEED, episode_seeds
from robocell_agents.statistics import lower_bound, median_and_p95
from robocell_agents.suites.suite import Suite, load_suite
from robocell_agents.workers import worker_pool
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.files import write_text
from robocell_controller.progress import progress_bar
from robocell_controller.statistics import wilson
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.production_env import make_env

Row = dict[str, Any]
_worker_envs: dict[str, PickPlaceEnv] = {}  # at most one: dozens of conditions would fill the memory
_CHUNK = 5  # episodes that a worker plays before it reports
_DIGITS = 6  # micrometres and microseconds; more would only make the file larger


def evaluate(policy: str, suite: str | Suite, episodes: int, seeds: str = "test", workers: int = 1) -> dict[str, Any]:
    """Plays ``episodes`` episodes of every condition, the same seeds in each, so policies can be paired.

    Args:
        policy: see :func:`robocell_agents.acting.actors.load_actor`.
        suite: name or file of a suite; or a suite.
        episodes: number of episodes of each condition.
        seeds: name of a range of seeds, see :mod:`robocell_agents.seeds`.
        workers: processes; the rows do not depend on it.

    Returns:
        The document that ``robocell evaluate`` writes.

    Raises:
        InputError: bad policy, suite, number or range.
        ProcessDied: a worker has died.
    """
    if workers < 1:
        raise InputError("workers", str(workers), "at least 1")
    chosen = suite if isinstance(suite, Suite) else load_suite(suite)
    numbers = episode_seeds(seeds, episodes)
    announced_actor(policy, chosen.cell)  # what there is to say of it is said here, not in a worker
    start = time.monotonic()
    rows = _play_all(policy, chosen.cell, chosen.conditions, numbers, workers)
    wall_s = round(time.monotonic() - start, 1)
    document = {
        "policy": provenance.portable(policy),
        "suite": chosen.summary(),
        **provenance.record(workers=workers, wall_s=wall_s),
        "seeds": {"range": seeds, "first": FIRST_SEED[seeds], "n": episodes},
        **metrics(rows),
    }
    if len(chosen.conditions) > 1:
        document["conditions"] = {name: metrics(_of(rows, name)) for name in chosen.conditions}
    return {**document, "episodes": rows}


def metrics(rows: list[Row]) -> dict[str, Any]:
    """What a set of episodes amounts to; None where no success leaves nothing to measure.

    ``low`` and ``high`` are Wilson's 95 % interval, ``lower_bound`` is the one-sided Clopper-Pearson bound.
    """
    good = [row for row in rows if row["success"]]
    low, high = wilson(len(good), len(rows))
    time_s = sum(row["time_s"] for row in rows)
    energy = sum(row["energy_j"] for row in rows)
    return {
        "success": {
            "rate": len(good) / len(rows),
            "low": low,
            "high": high,
            "lower_bound": lower_bound(len(good), len(rows)),
            "n": len(rows),
        },
        "cycle_time_s": median_and_p95([row["time_s"] for row in good]),
        "parts_per_hour": 3600.0 * len(good) / time_s,
        "drops": sum(row["drops"] for row in rows),
        "placement_error_m": median_and_p95([row["placement_error_m"] for row in good]),
        "peak_force_n": median_and_p95([row["peak_force_n"] for row in rows]),
        "energy_j_per_part": energy / len(good) if good else None,
        "failures": dict(Counter(row["failure"] for row in rows if row["failure"]).most_common()),
    }


def write_evaluation(path: Path, document: dict[str, Any]) -> None:
    """Writes the document with one line for each episode, so that a difference of two files can be read."""
    write_text(path, json_with_rows(document, "episodes"))


def play(env: PickPlaceEnv, actor: Actor, seed: int) -> Row:
    """One episode of one part: its seed and the outcome of its cycle."""
    return play_parts(env, actor, seed)[0]


def play_parts(env: PickPlaceEnv, actor: Actor, seed: int) -> list[Row]:
    """One episode: its seed and the outcome of each of its cycles, one for each part of a recipe."""
    observation, info = env.reset(seed=seed)
    over = False
    while not over:
        observation, _, terminated, truncated, info = env.step(actor.act(env, observation))
        over = terminated or truncated
    cycles = info["shift"]["cycles"] if "shift" in info else [info["cycle"]]
    return [{"seed": seed, **{key: _plain(value) for key, value in cycle.items()}} for cycle in cycles]


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which JSON knows; floats rounded."""
    value = value.item() if isinstance(value, np.generic) else value
    return round(value, _DIGITS) if isinstance(value, float) else value


def _play_all(
    policy: str, cell: CellConfig, conditions: dict[str, CellConfig], seeds: list[int], workers: int
) -> list[Row]:
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    with worker_pool(workers) as pool:
        jobs = [
            pool.submit(play_chunk, policy, cell.model_dump_json(), name, changed.model_dump_json(), chunk)
            for name, changed in conditions.items()
            for chunk in chunks
        ]
        _show(f"evaluate {provenance.portable(policy)}", jobs, len(seeds) * len(conditions))
    return [row for job in jobs for row in job.result()]


def _show(name: str, jobs: list[Future[list[Row]]], total: int) -> None:
    """Waits for the jobs behind a progress bar; the first error of a job ends the wait."""
    with progress_bar() as progress:
        bar = progress.add_task(name, total=total)
        for job in as_completed(jobs):
            progress.advance(bar, len({row["seed"] for row in job.result()}))


def play_chunk(policy: str, cell_json: str, condition: str, changed_json: str, seeds: list[int]) -> list[Row]:
    """A worker's job: the rows of some seeds in a changed cell, by an actor that was set up for the unchanged one."""
    env, actor = worker_env(changed_json), worker_actor(policy, cell_json)
    return [{"condition": condition, **row} for seed in seeds for row in play_parts(env, actor, seed)]


def worker_env(cell_json: str) -> PickPlaceEnv:
    """This process's environment of a cell given as JSON, kept until another cell is asked for."""
    if cell_json not in _worker_envs:
        while _worker_envs:
            _worker_envs.popitem()[1].close()
        _worker_envs[cell_json] = make_env(CellConfig.model_validate_json(cell_json))
    return _worker_envs[cell_json]


@cache
def worker_actor(policy: str, cell_json: str) -> Actor:
    """This process's actor that was set up for a cell given as JSON, kept."""
    actor = load_actor(policy, CellConfig.model_validate_json(cell_json))
    if "torch" in sys.modules:  # a process on each core: more threads would wait for each other
        sys.modules["torch"].set_num_threads(1)
    return actor


def _of(rows: list[Row], condition: str) -> list[Row]:
    return [row for row in rows if row["condition"] == condition]
