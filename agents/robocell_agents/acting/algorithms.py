"""Learning algorithms: from a training config to a Stable-Baselines3 (or SBX) model on vectorised cells."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import torch
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

import robocell_envs  # noqa: F401 - registers the environments
from robocell_agents.acting.asymmetric import AsymmetricPolicy, mask
from robocell_agents.acting.grouped_vec_env import GroupedVecEnv
from robocell_agents.acting.residual import ResidualEnv
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.workers import ignore_interrupts
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_envs.privileged import PrivilegedEnv


def algorithm_class(name: str) -> type[BaseAlgorithm]:
    """The class behind an algorithm's name.

    Raises:
        InputError: SBX is wanted and not installed.
    """
    if name == "sbx_sac":
        try:
            import sbx
        except ImportError as error:
            raise InputError("algorithm", "sbx_sac without SBX", "pip install 'robocell[sbx]'") from error
        return sbx.SAC  # type: ignore[no-any-return]
    return PPO if name == "ppo" else SAC


def make_vec_env(config: TrainingConfig, cells: list[CellConfig], seed: int, workers: int) -> VecEnv:
    """``n_envs`` environments of ``cells`` in turn, in this process or spread over ``workers`` processes; seeded."""
    dealt = [index % len(cells) for index in range(config.n_envs)]
    makers: list[Callable[[], gymnasium.Env[Any, Any]]] = [partial(_make, config, cells, cell) for cell in dealt]
    env: VecEnv = GroupedVecEnv(makers, workers) if config.subprocesses and workers > 1 else DummyVecEnv(makers)
    env.seed(seed)
    return env


def build(config: TrainingConfig, env: VecEnv, seed: int, tensorboard: str) -> BaseAlgorithm:
    """A fresh model.

    Raises:
        InputError: the constructor does not take the settings, or has not the memory for them.
    """
    policy: str | type[BasePolicy] = "MultiInputPolicy" if config.algorithm == "sac_her" else "MlpPolicy"
    policy_kwargs: dict[str, Any] = {"net_arch": config.hidden}
    if config.algorithm == "ppo":
        policy_kwargs["activation_fn"] = torch.nn.Tanh
        policy_kwargs["optimizer_kwargs"] = {"fused": True}  # one kernel in place of a dozen for each layer
        if config.log_std is not None:
            policy_kwargs["log_std_init"] = config.log_std
    if config.privileged_critic or config.unseen:
        policy, policy_kwargs["mask"] = AsymmetricPolicy, mask(config.unseen)
    extra: dict[str, Any] = {}
    if config.algorithm == "sac_her":
        extra["replay_buffer_class"] = HerReplayBuffer
    try:
        return algorithm_class(config.algorithm)(
            policy,
            env,
            policy_kwargs=policy_kwargs,
            seed=seed,
            tensorboard_log=tensorboard,
            device="cpu",
            **extra,
            **_settings(config),
        )
    except (AssertionError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise InputError("settings", str(error), f"what {config.algorithm} can be made with") from error


class LinearSchedule:
    """A number that goes from ``first`` to ``last`` while training goes on; picklable, as SB3 saves it."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last

    def __call__(self, remaining: float) -> float:
        """Value while a share ``remaining`` of the steps is still to come."""
        return self._last + remaining * (self._first - self._last)


def _settings(config: TrainingConfig) -> dict[str, Any]:
    """The settings for the constructor; a learning rate of two numbers is a linear schedule."""
    rate = config.settings.get("learning_rate")
    return {**config.settings, "learning_rate": LinearSchedule(*rate)} if isinstance(rate, list) else config.settings


def _make(config: TrainingConfig, cells: list[CellConfig], cell: int) -> gymnasium.Env[Any, Any]:
    if multiprocessing.parent_process() is not None:
        ignore_interrupts()
    env: gymnasium.Env[Any, Any] = gymnasium.make(config.env_id, cell=cells[cell], disable_env_checker=True)
    if config.residual:
        env = ResidualEnv(env, config.residual)
    return Monitor(PrivilegedEnv(env, cell, len(cells)) if config.privileged_critic else env)
