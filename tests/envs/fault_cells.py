"""Cells with faults, and guided episodes in them, for the tests of faults."""

from __future__ import annotations

from typing import Any

import numpy as np

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, merged, parse
from robocell_controller.contract import JOINTS
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv

CELLS = {
    name: load(CellConfig, "cells", name).model_dump(exclude_none=True) for name in ("pick_place", "conveyor_pick")
}


def one_joint(index: int, value: float) -> list[list[float]]:
    return [[value, value] if joint == index else [0.0, 0.0] for joint in range(JOINTS)]


def cell_with(faults: dict[str, Any] | None = None, events: list[Any] | None = None, name: str = "pick_place", **rest):
    simulation = {"faults": faults or {}, "events": events or [], **rest}
    return parse(CellConfig, merged(CELLS[name], {"simulation": simulation}), "test")


def event(at: float, **faults: Any) -> dict[str, Any]:
    return {"at_s": [at, at], "faults": faults}


def play(cell: CellConfig, seed: int = 5, steps: int = 60) -> tuple[np.ndarray, list[Any]]:
    """Observations and truths of the first steps of a guided episode, all bits of them."""
    env = PickPlaceEnv(cell)
    law = PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, cell.load_robot().gripper)
    observations, truths = [env.reset(seed=seed)[0]], [env.plant.truth]
    over = False
    while not over and len(truths) <= steps:
        observation, _, terminated, truncated, _ = env.step(law.act(env.view).astype(np.float32))
        observations.append(observation)
        truths.append(env.plant.truth)
        over = terminated or truncated
    env.close()
    return np.array(observations), truths
