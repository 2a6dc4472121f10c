"""``robocell bench physics``: the cell's working settings against a fine reference, grips under load, pose accuracy."""

from __future__ import annotations

from concurrent.futures import Future, as_completed
from functools import cache
from typing import Any

import numpy as np
from rich.table import Table

from robocell_agents import provenance
from robocell_agents.seeds import FIRST_SEED, episode_seeds
from robocell_agents.statistics import median_and_p95
from robocell_agents.workers import worker_pool
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import Array
from robocell_controller.progress import progress_bar
from robocell_controller.statistics import wilson
from robocell_envs import reference
from robocell_envs.cell_env import PickPlaceEnv

Document = dict[str, Any]
Row = dict[str, Any]
_CELL = "pick_place"
_SEEDS = "validation"
_CHUNK = 4
_HOLD_S, _SLIP_S = 5.0, 1.0  # an infeasible load is gone at once
_SLIPPED_M = 0.01
PHYSICS_COLUMNS = ("", "measured", "asked")
_REPETITIONS = 30  # ISO 9283:1998, table 5


def bench_physics(cycles: int, loads: int, workers: int) -> Document:
    """Replays ``cycles`` guided cycles in the reference, and holds ``loads`` feasible and as many infeasible parts."""
    seeds = episode_seeds(_SEEDS, max(cycles, loads))
    chunks = [seeds[:cycles][start : start + _CHUNK] for start in range(0, cycles, _CHUNK)]
    with worker_pool(workers) as pool:
        replays = [pool.submit(_replays, chunk) for chunk in chunks]
        feasible = [pool.submit(_hold, seed, True) for seed in seeds[:loads]]
        infeasible = [pool.submit(_hold, seed, False) for seed in seeds[:loads]]
        poses = pool.submit(_poses)
        _show([*replays, *feasible, *infeasible, poses])
    rows = [row for job in replays for row in job.result()]
    return {
        **provenance.record(),
        "seeds": {"range": _SEEDS, "first": FIRST_SEED[_SEEDS], "n": cycles},
        "replay": _replay_summary(rows),
        "hold": _hold_summary([job.result() for job in feasible], [job.result() for job in infeasible]),
        "poses": poses.result(),
        "cycles": rows,
    }


def physics_table(document: Document) -> Table:
    """The figures, each with what is asked of it."""
    table = Table(*PHYSICS_COLUMNS, title="robocell bench physics")
    for row in physics_rows(document):
        table.add_row(*row)
    return table


def physics_rows(document: Document) -> list[list[str]]:
    """One row for each figure, see :data:`PHYSICS_COLUMNS`."""
    replay, hold, poses = document["replay"], document["hold"], document["poses"]
    same = replay["same_outcome"]
    interval = f"{100 * same['low']:.1f}-{100 * same['high']:.1f}"
    return [
        [f"cycles that end as in the reference (n={same['n']})", f"{100 * same['rate']:.1f} % ({interval})", "≥ 98 %"],
        ["placement against the reference, median", _mm(replay["placement_difference_m"]["median"]), "≤ 2 mm"],
        ["overlap of pads and carried part, greatest", _mm(replay["penetration_m"]), "≤ 1 mm"],
        [f"slip in {_HOLD_S:.0f} s of shaking at 2 m/s², median", _mm(hold["slip_m"]["median"]), "≤ 1 mm"],
        [f"feasible loads that slip at most 1 mm (n={hold['n']})", f"{100 * hold['held']:.1f} %", "100 %"],
        [f"infeasible loads that slip (n={hold['n']})", f"{100 * hold['infeasible_slipped']:.1f} %", "100 %"],
        ["ISO 9283 pose accuracy AP, worst of 5 poses", _mm(max(pose["accuracy_m"] for pose in poses)), "reported"],
        ["ISO 9283 repeatability RP, worst of 5", _mm(max(pose["repeatability_m"] for pose in poses)), "reported"],
    ]


def _replay_summary(rows: list[Row]) -> Document:
    same = sum(row["outcome"] == row["reference_outcome"] for row in rows)
    low, high = wilson(same, len(rows))
    both = [row["difference_m"] for row in rows if row["outcome"] == row["reference_outcome"] == "placed"]
    return {
        "same_outcome": {"rate": same / len(rows), "low": low, "high": high, "n": len(rows)},
        "placement_difference_m": median_and_p95(both),
        "penetration_m": max(row["penetration_m"] for row in rows),
    }


def _hold_summary(feasible: list[float | None], infeasible: list[float | None]) -> Document:
    """From the slips, m, or None where the part was lost."""
    held = [slip for slip in feasible if slip is not None]
    return {
        "n": len(feasible),
        "slip_m": median_and_p95(held),
        "held": float(np.mean([slip is not None and slip <= 0.001 for slip in feasible])),
        "infeasible_slipped": float(np.mean([slip is None or slip > _SLIPPED_M for slip in infeasible])),
    }


def _replays(seeds: list[int]) -> list[Row]:
    working, fine = _envs()
    return [_row(seed, *_pair(working, fine, seed)) for seed in seeds]


def _pair(working: PickPlaceEnv, fine: PickPlaceEnv, seed: int) -> tuple[reference.Replay, reference.Replay]:
    ours = reference.guided_cycle(working, seed)
    return ours, reference.replay(fine, seed, ours.actions)


def _row(seed: int, ours: reference.Replay, theirs: reference.Replay) -> Row:
    return {
        "seed": seed,
        "outcome": ours.outcome,
        "reference_outcome": theirs.outcome,
        "difference_m": round(float(np.linalg.norm(ours.part_position - theirs.part_position)), 6),
        "penetration_m": round(ours.penetration, 6),
    }


def _hold(seed: int, feasible: bool) -> float | None:
    env = _envs()[0]
    slip = reference.hold(env, seed, reference.draw_load(env.cell, seed, feasible), _HOLD_S if feasible else _SLIP_S)
    return slip if np.isfinite(slip) else None


def _poses() -> list[Document]:
    """The centre and four corners of the diagonal plane of a cube in the work area, as ISO 9283 lays them."""
    env = _envs()[0]
    errors = reference.pose_errors(env, _cube_poses(env.cell), _REPETITIONS)
    figures = [reference.accuracy_and_repeatability(each) for each in errors]
    return [{"accuracy_m": accuracy, "repeatability_m": repeatability} for accuracy, repeatability in figures]


def _cube_poses(cell: CellConfig) -> list[Array]:
    lower, upper = np.array(cell.motion.workspace_lower_m), np.array(cell.motion.workspace_upper_m)
    half, centre = 0.4 * (upper - lower), (lower + upper) / 2  # 80 % of each axis' way, as in the standard
    corners = [(0, 0, 0), (1, 1, 1), (-1, 1, 1), (-1, -1, -1), (1, -1, -1)]
    return [centre + half * np.array(corner) for corner in corners]


@cache
def _envs() -> tuple[PickPlaceEnv, PickPlaceEnv]:
    cell = load(CellConfig, "cells", _CELL)
    return PickPlaceEnv(cell), PickPlaceEnv(reference.reference_cell(cell))


def _show(jobs: list[Future[Any]]) -> None:
    with progress_bar() as progress:
        bar = progress.add_task("bench physics", total=len(jobs))
        for job in as_completed(jobs):
            job.result()
            progress.advance(bar)


def _mm(metres: float | None) -> str:
    return "-" if metres is None else f"{1000 * metres:.2f} mm"
