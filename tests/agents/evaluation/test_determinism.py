"""The same seed gives the same bits in every environment, with a production change or faults that set in midway."""

from __future__ import annotations

import hashlib
import multiprocessing
from functools import cache

import gymnasium
import numpy as np
import pytest

import robocell_envs  # noqa: F401 - registers the environments
from robocell_agents.acting.actors import load_actor
from robocell_agents.suites.changes import load_change
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, merged, parse
from robocell_controller.contract import JOINTS
from robocell_envs.config.faults import SOUND

ENVIRONMENTS = sorted(name for name in gymnasium.registry if name.startswith("RobotCell/"))
CHANGES = {"PickPlaceGoal": "overdue_service", "PickPlace": "heavy_and_slippery", "ConveyorPick": "rush_order"}
STEPS = 60
EVENTS = [
    {"at_s": [0.5, 0.7], "faults": {"joint_friction_n_m": [[1.0, 5.0]] * JOINTS, "actuation_delay_ms": [8.0, 16.0]}},
    {"at_s": [0.9, 1.0], "faults": {"gripper_force_share": [0.7, 0.9], "stuck_sensors": ["tracker"]}},
    {"at_s": [1.1, 1.2], "faults": {"stuck_sensors": [], "payload_error_kg": [-0.5, 0.5]}},
    {"at_s": [1.3, 1.4], "faults": {"encoder_offset_rad": [[-0.001, 0.001]] * JOINTS, "belt_speed_share": [0.6, 0.9]}},
]


def _troubled_cell(name: str) -> CellConfig:
    """The cell of an environment, beyond training if a change fits it, and with faults that set in one by one."""
    kind = name.removeprefix("RobotCell/").removesuffix("-v0")
    cell = (
        load_change(CHANGES[kind]).conditions["beyond"] if kind in CHANGES else load(CellConfig, "cells", kind.lower())
    )
    return parse(CellConfig, merged(cell.model_dump(exclude_none=True), {"simulation": {"events": EVENTS}}), kind)


def _digest(env: gymnasium.Env, seed: int) -> str:
    """Of every bit of observations, rewards and true states of an episode's first steps under the guided program."""
    inner = getattr(env.unwrapped, "cell_env", env.unwrapped)
    actor, digest, over = load_actor("program:guided", inner.cell), hashlib.sha256(), False
    observation, _ = env.reset(seed=seed)
    for _ in range(STEPS):
        values = observation.values() if isinstance(observation, dict) else [observation]
        observation, reward, terminated, truncated, _ = env.step(actor.act(inner, inner.path.observation(inner.view)))
        truth = inner.plant.truth
        for value in (*values, truth.joints, truth.part_position, np.float64(reward)):
            digest.update(value.tobytes())
        over = terminated or truncated
        if over:
            break
    assert over or inner.plant.faults != SOUND
    return digest.hexdigest()


def _fresh(name: str) -> str:
    env = gymnasium.make(name, cell=_troubled_cell(name), disable_env_checker=True)
    digest = _digest(env, 5)
    env.close()
    return digest


@cache
def _elsewhere() -> dict[str, str]:
    """Digests of all environments, from one fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return dict(zip(ENVIRONMENTS, pool.map(_fresh, ENVIRONMENTS), strict=True))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_same_seed_same_bits_across_resets_and_processes(name):
    env = gymnasium.make(name, cell=_troubled_cell(name), disable_env_checker=True)
    first, other, again = (_digest(env, seed) for seed in (5, 6, 5))
    env.close()
    assert first == again == _elsewhere()[name] != other
