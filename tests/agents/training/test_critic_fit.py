"""The critic is fitted to what the first rollouts have brought, and nothing else of the model moves."""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import robocell_envs  # noqa: F401 - registers the environments
from robocell_agents.acting.training_config import CriticFitConfig, TrainingConfig
from robocell_agents.training.critic_fit import CriticFit
from robocell_controller.config import load, merged

CONFIG = CriticFitConfig(steps=200, learning_rate=0.001)


class Fitting(BaseCallback):
    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, torch.Tensor] = {}
        self.errors: list[float] = []

    def _on_training_start(self) -> None:
        self.fit = CriticFit(CONFIG, self.model, 0)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.before = copy.deepcopy(dict(self.model.policy.named_parameters()))
        self.errors.append(self.error())
        self.fit.on_rollout()
        self.errors.append(self.error())
        self.after = copy.deepcopy(dict(self.model.policy.named_parameters()))

    def error(self) -> float:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        observations = torch.as_tensor(buffer.observations.reshape(-1, buffer.observations.shape[-1]))
        with torch.no_grad():
            values = self.model.policy.predict_values(observations).numpy()
        return float(np.mean((values - buffer.returns.reshape(-1, 1)) ** 2))


@pytest.fixture(scope="module")
def fitting() -> Fitting:
    env = gymnasium.make("RobotCell/PickPlace-v0")
    callback = Fitting()
    PPO("MlpPolicy", env, n_steps=128, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(128, callback)
    env.close()
    return callback


def test_the_critic_comes_nearer_to_the_returns(fitting: Fitting) -> None:
    before, after = fitting.errors
    assert after < 0.5 * before


def test_only_the_critic_moves(fitting: Fitting) -> None:
    moved = {name for name, weights in fitting.after.items() if not torch.equal(weights, fitting.before[name])}
    assert moved == {name for name in fitting.after if "value_net" in name}


def test_other_algorithms_have_no_critic_to_fit() -> None:
    config = load(TrainingConfig, "agents", "sac").model_dump()
    with pytest.raises(ValueError, match="critic_fit"):
        TrainingConfig.model_validate(merged(config, {"critic_fit": {"steps": 1, "learning_rate": 0.1}}))
