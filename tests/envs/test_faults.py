from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest

from robocell_controller.cell import CellConfig
from robocell_controller.config import load, merged, parse
from robocell_controller.contract import JOINTS
from robocell_controller.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.faults import first_tick

CELLS = {
    name: load(CellConfig, "cells", name).model_dump(exclude_none=True) for name in ("pick_place", "conveyor_pick")
}
EVERYTHING = {
    "gripper_force_share": [0.7, 0.9],
    "pad_friction_share": [0.7, 0.9],
    "joint_friction_n_m": [[1.0, 5.0]] * JOINTS,
    "encoder_offset_rad": [[-0.001, 0.001]] * JOINTS,
    "payload_error_kg": [-0.5, 0.5],
    "actuation_delay_ms": [8.0, 16.0],
    "belt_speed_share": [0.8, 0.9],
    "belt_friction_share": [0.5, 0.9],
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


def bits(cell: CellConfig) -> bytes:
    return play(cell)[0].tobytes()


def test_a_sound_cell_is_untouched_by_naming_faults():
    assert bits(cell_with({"gripper_force_share": [1.0, 1.0]})) == bits(cell_with())


@pytest.mark.parametrize("key", [key for key in EVERYTHING if not key.startswith("belt")])
def test_each_fault_shows_from_its_event_on_and_not_before(key):
    cell = cell_with(events=[event(1.0, **{key: EVERYTHING[key]})])
    (sound, _), (faulty, _) = play(cell_with()), play(cell)
    assert sound[:26].tobytes() == faulty[:26].tobytes()
    assert sound[26:].tobytes() != faulty[26:].tobytes()


def test_events_start_at_a_tick_within_a_policy_period():
    assert [first_tick(at, 0.008) for at in (0.0, 0.008, 0.0081, 0.016)] == [0, 1, 2, 2]
    ends = [
        play(cell_with(events=[event(at, joint_friction_n_m=one_joint(1, 20.0))]), steps=26)[1][26].q
        for at in (1.0, 1.008, 1.0081, 1.016)
    ]
    assert not np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[1], ends[2])
    assert np.array_equal(ends[2], ends[3])


def test_faults_with_everything_on_are_deterministic_here_and_in_a_fresh_process():
    cell = cell_with(EVERYTHING, [event(0.8, stuck_sensors=["tracker"]), event(1.0, stuck_sensors=[])], "conveyor_pick")
    here = bits(cell)
    assert bits(cell) == here
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(bits, (cell,)) == here
