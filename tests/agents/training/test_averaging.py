from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from robocell_agents.training.averaging import averaged, update_average
from robocell_agents.training.cloning import actor_parameters
from robocell_envs.cell_env import PickPlaceEnv


@pytest.fixture(scope="module")
def env():
    env = DummyVecEnv([PickPlaceEnv])
    yield env
    env.close()


@pytest.fixture
def model(env):
    return PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu", policy_kwargs={"net_arch": [8]})


def _shift(model: PPO, by: float) -> None:
    with torch.no_grad():
        for parameter in actor_parameters(model).values():
            parameter.add_(by)


def _actor(model: PPO) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in actor_parameters(model).values()])


def test_the_average_follows_the_actor_and_is_only_lent(model):
    start = _actor(model)
    update_average(model, 0.75)
    _shift(model, 1.0)
    update_average(model, 0.75)
    with averaged(model):
        np.testing.assert_allclose(_actor(model), start + 0.25, atol=1e-6)
    np.testing.assert_allclose(_actor(model), start + 1.0, atol=1e-6)


def test_the_critic_is_not_averaged(model):
    names = set(actor_parameters(model))
    assert names and not any("value" in name for name in names) and "log_std" not in names


def test_without_an_average_the_actor_acts_itself(model):
    before = _actor(model)
    with averaged(model):
        np.testing.assert_array_equal(_actor(model), before)


def test_the_average_is_saved_and_loaded_with_the_model(model, env, tmp_path: Path):
    update_average(model, 0.5)
    _shift(model, 1.0)
    update_average(model, 0.5)
    model.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", env=env, device="cpu")
    with averaged(model), averaged(loaded):
        np.testing.assert_array_equal(_actor(loaded), _actor(model))
    assert isinstance(loaded.observation_space, spaces.Box)
