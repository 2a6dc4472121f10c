"""Observations on which a policy and its export are compared: those that it meets, and some from all over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from robocell_agents.seeds import episode_seeds
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.path.observer import BOUNDS
from robocell_envs.production_env import make_env

_SEED = 0

Vector = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]


def met(cell: CellConfig, policy: OnnxPolicy, steps: int) -> Vectors:
    """Observations that the policy meets in one cell, on tuning seeds; [steps, OBSERVATION_SIZE]."""
    env = make_env(cell)
    rows: list[Vector] = []
    for seed in episode_seeds("tuning", steps):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended and len(rows) < steps:
            rows.append(observation)
            observation, _, terminated, truncated, _ = env.step(policy.act(observation))
            ended = terminated or truncated
        if len(rows) == steps:
            break
    env.close()
    return np.array(rows)


def anywhere(number: int) -> Vectors:
    """Observations from all over the observation space; [number, OBSERVATION_SIZE]."""
    stream = np.random.default_rng(_SEED)
    return stream.uniform(-BOUNDS, BOUNDS, (number, len(BOUNDS))).astype(np.float32)
