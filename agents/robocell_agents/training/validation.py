"""Validation during training: how the policy does on fixed seeds that it is not trained on."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents.acting.demonstrations import Actor, Played, outcomes_parallel
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.training.cloning import plain_layers
from robocell_controller.cell.config import CellConfig
from robocell_controller.statistics import wilson

RELIABLE = 0.99  # success from which on pace decides which of two policies is better


@dataclass(frozen=True, slots=True)
class Score:
    """Success with its Wilson 95 % interval, median cycle time of the successes (s), and pace."""

    success: float
    low: float
    high: float
    n: int
    cycle_time_s: float
    parts_per_hour: float

    @classmethod
    def of(cls, row: dict[str, Any] | None) -> Score | None:
        """Back from :meth:`row`."""
        return None if row is None else cls(**row)

    @classmethod
    def over(cls, played: Played) -> Score:
        """What episodes amount to."""
        success, time_s = played.success, played.time_s
        low, high = wilson(int(success.sum()), len(success))
        return cls(
            success=float(success.mean()),
            low=low,
            high=high,
            n=len(success),
            cycle_time_s=float(np.median(time_s[success])) if success.any() else float(time_s.max()),
            parts_per_hour=float(3600.0 * success.sum() / time_s.sum()),
        )

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def rank(self) -> tuple[float, float]:
        """What is greater the better a policy is: the more reliable one; of two reliable ones the faster."""
        return min(self.success, RELIABLE), self.parts_per_hour


def play(
    model: BaseAlgorithm,
    config: TrainingConfig,
    cells: list[CellConfig],
    seeds: list[int],
    pool: Executor,
    workers: int,
) -> Played:
    """Plays one episode per seed with the deterministic policy, ``cells`` being dealt out by seed."""
    if config.algorithm == "ppo":
        actor = Actor(plain_layers(model), 0.0, config.residual.share if config.residual else 0.0)
        return outcomes_parallel(pool, workers, cells, actor, seeds)
    return _play_here(model, config, cells, seeds)


def _play_here(model: BaseAlgorithm, config: TrainingConfig, cells: list[CellConfig], seeds: list[int]) -> Played:
    envs = [gymnasium.make(config.env_id, cell=cell) for cell in cells]
    success, time_s = [], []
    for seed in seeds:
        env = envs[seed % len(envs)]
        observation, _ = env.reset(seed=seed)
        done = False
        while not done:
            action, _ = model.predict(observation, deterministic=True)
            observation, _, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        success.append(info["is_success"])
        time_s.append(info["cycle"]["time_s"])
    for env in envs:
        env.close()
    return Played(np.array(success), np.array(time_s))
