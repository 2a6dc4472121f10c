from __future__ import annotations

from pathlib import Path

import numpy as np

from robocell_agents.bench.paced_inference import twin
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_envs.cell_env import PickPlaceEnv

RELEASED = Path(__file__).parents[3] / "results/policies/pick_place/policy.onnx"


def test_sb3_with_the_graphs_weights_acts_as_the_graph() -> None:
    env = PickPlaceEnv(load(CellConfig, "cells", "pick_place"))
    model = twin(RELEASED, env)
    observations = np.random.default_rng(0).uniform(-1, 1, (50, *env.observation_space.shape)).astype(np.float32)
    policy = OnnxPolicy(RELEASED)
    ours = [policy.act(observation) for observation in observations]
    theirs = [model.predict(observation, deterministic=True)[0] for observation in observations]
    env.close()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.std(ours, axis=0).min() > 0.01
