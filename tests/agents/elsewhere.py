"""Policies as a user's own script leaves them: trained by Stable-Baselines3, for a moment, on a plain environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_contrib import TQC
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from robocell_agents import pickles
from robocell_agents.saved_files import SavedFiles
from robocell_controller.path.observer import BOUNDS
from robocell_envs.cell_env import PickPlaceEnv

KINDS = {kind.__name__: kind for kind in (PPO, A2C, SAC, TD3, TQC)}
STEPS = 64
_SMALL: dict[str, dict[str, Any]] = {"PPO": {"n_steps": 32, "batch_size": 32}, "A2C": {"n_steps": 32}}
_OFF_POLICY = {"buffer_size": 200, "learning_starts": 32}


def normalised(**settings: Any) -> VecNormalize:
    return VecNormalize(DummyVecEnv([PickPlaceEnv]), **settings)


def learned(name: str, env: Any, policy_kwargs: dict[str, Any] | None = None, **settings: Any) -> BaseAlgorithm:
    """A model with weights large enough that squashing and clipping matter."""
    small = _SMALL.get(name, _OFF_POLICY)
    kwargs = {"net_arch": [16, 16], **(policy_kwargs or {})}
    model = KINDS[name]("MlpPolicy", env, policy_kwargs=kwargs, seed=0, device="cpu", **small, **settings)
    model.learn(STEPS)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def saved(folder: Path, model: BaseAlgorithm, normaliser: VecNormalize | None = None, trust: bool = True) -> SavedFiles:
    """The files that ``save`` leaves."""
    files = SavedFiles(folder / "mine.zip", folder / "statistics.pkl" if normaliser else None)
    model.save(files.policy)
    if files.normaliser:
        normaliser.save(str(files.normaliser))
    for path in files.all if trust else ():
        pickles.note(path)
    return files


def observations(number: int = 200) -> np.ndarray:
    """From all over the space, and every other one as a cell's begins."""
    rows = np.random.default_rng(9).uniform(-BOUNDS, BOUNDS, (number, len(BOUNDS))).astype(np.float32)
    env = PickPlaceEnv()
    for seed in range(0, number, 20):
        rows[seed], _ = env.reset(seed=seed)
    env.close()
    return rows
