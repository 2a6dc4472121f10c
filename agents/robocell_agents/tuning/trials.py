"""What tuning a program means: the numbers that are searched, what an episode costs, and how a trial is played."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

from robocell_agents.acting.actors import program_actor
from robocell_agents.evaluation.evaluate import Row, play, worker_env
from robocell_agents.statistics import median_and_p95
from robocell_controller.arm.motion import MotionConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.path.programs import ProgramConfig

# One failure in a hundred costs as much as 8 % of a cycle of 1.7 s: a faster program is no excuse for failing parts.
_FAILURE_S = 10.0  # s, over the cell's time limit
# Each newton with which the open hand strikes the part from above, short of a collision: a hand that just gets by on
# these seeds collides on others.
_S_PER_N = 0.05
_SPAN = 1.4  # greatest factor by which a number is changed in one search
_SIGNIFICANT = 4  # digits of a tuned number: what is tried is what the file will say
_DIGITS = 6  # of a time, so that sums in another order read the same

COST = {"failure_s": _FAILURE_S, "s_per_n": _S_PER_N}
Ranges = dict[str, tuple[float, float]]


def search_ranges(motion: MotionConfig, present: ProgramConfig) -> Ranges:
    """Lower and upper end of each number of a program; all are scales, so they are searched logarithmically.

    Within what is sensible at all, the neighbourhood of the present values is searched: in thirteen dimensions a few
    hundred trials find nothing in the whole of it.
    """
    values: dict[str, float] = present.model_dump()
    return {
        key: (max(low, values[key] / _SPAN), min(high, values[key] * _SPAN))
        for key, (low, high) in _sensible(motion).items()
    }


def _sensible(motion: MotionConfig) -> Ranges:
    return {
        "speed_m_s": (0.5, motion.tcp_speed_m_s),
        "braking_m_s2": (1.5, 8.0),  # the joints' accelerations give a TCP half a metre out 4 to 8 m/s²
        "acceleration_m_s2": (2.0, 12.0),
        "yaw_rate_rad_s": (0.8, motion.yaw_rate_rad_s),
        "yaw_gain_per_s": (2.0, 12.0),  # 25 would turn all the way within a policy period
        "hover_m": (0.01, 0.06),  # the tray's floor is 5 mm high
        "cone_slope": (0.8, 6.0),
        "grasp_tolerance_m": (0.002, 0.012),  # the pads are 14 to 18 mm wide and high
        "place_tolerance_m": (0.001, 0.008),  # the task's is 10 mm
        "place_press_m": (0.0002, 0.006),
        "preshape_m": (0.006, 0.025),  # a part of 50 mm leaves 30 mm of the stroke
        "release_m": (0.002, 0.02),
        "grip_share": (0.15, 0.8),  # the gripper's least force is a seventh of its greatest
        "retreat_m": (0.05, 0.4),
    }


def program_config(values: dict[str, float]) -> ProgramConfig:
    """The config of a trial: its values, rounded to a few significant digits."""
    return ProgramConfig(**{key: float(f"{value:.{_SIGNIFICANT}g}") for key, value in values.items()})


def cost(row: Row, time_limit_s: float) -> float:
    """What an episode costs, s: its cycle time, or a failure's; and soft seconds for pressing hard on the part."""
    time_s = row["time_s"] if row["success"] else time_limit_s + _FAILURE_S
    return float(time_s + _S_PER_N * row["impact_n"])


class Trials:
    """Plays configs of one program on the cell, spread over a pool; the rows do not depend on its size."""

    def __init__(self, pool: Executor, workers: int, program: str, cell: CellConfig) -> None:
        """Takes the pool and its size, the program's name, and the cell."""
        self._pool = pool
        self._workers = workers
        self._program = program
        self._cell = cell

    def play(self, config: ProgramConfig, seeds: list[int]) -> list[Row]:
        """One episode per seed, in their order."""
        shares = [[int(seed) for seed in share] for share in np.array_split(seeds, self._workers) if len(share)]
        texts = config.model_dump_json(), self._cell.model_dump_json()
        jobs = [self._pool.submit(_play_share, self._program, *texts, share) for share in shares]
        return [row for job in jobs for row in job.result()]

    def summary(self, rows: list[Row]) -> dict[str, Any]:
        """What the episodes of one config amount to: mean cost and mean cycle time of the successes, s; forces, N."""
        good = [row["time_s"] for row in rows if row["success"]]
        costs = [cost(row, self._cell.cycle_time_limit_s) for row in rows]
        return {
            "episodes": len(rows),
            "cost_s": round(float(np.mean(costs)), _DIGITS),
            "success": len(good) / len(rows),
            "cycle_time_s": round(float(np.mean(good)), _DIGITS) if good else None,
            "impact_n": median_and_p95([row["impact_n"] for row in rows]),
        }


def _play_share(program: str, config_json: str, cell_json: str, seeds: list[int]) -> list[Row]:
    env = worker_env(cell_json)
    actor = program_actor(program, ProgramConfig.model_validate_json(config_json), env.cell)
    return [play(env, actor, seed) for seed in seeds]
