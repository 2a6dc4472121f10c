"""What other parts that rest in the cell cost, for ``robocell bench env``."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from robocell_envs.cell_env import PickPlaceEnv

_PARTS = 20
_STEPS = 200  # policy periods of one turn
# m, where they lie: beside and behind the arm's foot, out of the hand's reach
_PLACES = [(x, y) for x in (-0.10, -0.02, 0.06, 0.14) for y in (-0.40, -0.20, 0.0, 0.20, 0.40)]


def parts_cost(rounds: int) -> dict[str, Any]:
    """CPU time of a step with 20 parts in the cell, 19 of them asleep, against that with one.

    Args:
        rounds: interleaved turns of both, with the same seed and random actions; the medians count.
    """
    alone, among = PickPlaceEnv(), PickPlaceEnv()
    one, many = np.array([[_turn(alone, seed, 1), _turn(among, seed, _PARTS)] for seed in range(rounds)]).T
    alone.close()
    among.close()
    return {
        "parts": _PARTS,
        "step_us_one_part": float(np.median(one)),
        "step_us": float(np.median(many)),
        "against_one_part": float(np.median(many / one)),
    }


def _turn(env: PickPlaceEnv, seed: int, parts: int) -> float:
    """CPU time of a step, µs, with so many parts in the cell."""
    env.reset(seed=seed)
    fill(env, parts)
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (_STEPS, 5)).astype(np.float32)
    start = time.process_time()
    for action in actions:
        env.step(action)
    return (time.process_time() - start) / _STEPS * 1e6


def fill(env: PickPlaceEnv, parts: int) -> list[int]:
    """Lays copies of the part into the cell, to rest there, until there are so many; returns the new bodies."""
    part = env.plant.scenario.part
    places = [np.array([x, y, part.height / 2]) for x, y in _PLACES[: parts - 1]]
    return [env.plant.world.enter(part, place, 0.0) for place in places]
