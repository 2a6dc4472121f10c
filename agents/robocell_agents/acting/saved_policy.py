"""Policies that were trained elsewhere: what Stable-Baselines3 saved, made ready to act. Unpickles what is trusted."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from sb3_contrib import TQC
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from robocell_agents import pickles
from robocell_agents.acting.learned_from import learned_from_others
from robocell_agents.saved_files import SavedFiles, normalisers_beside
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.path.observer import BOUNDS, OBSERVATION_SIZE

KINDS: dict[str, type[BaseAlgorithm]] = {"PPO": PPO, "A2C": A2C, "SAC": SAC, "TD3": TD3, "TQC": TQC}
_ACTOR_CRITIC = "stable_baselines3.common.policies"  # of several algorithms, told apart by their settings
_POLICIES = {
    "stable_baselines3.sac.policies": "SAC",
    "stable_baselines3.td3.policies": "TD3",
    "sb3_contrib.tqc.policies": "TQC",
}
# What acting does without: memory, and what may not unpickle with another version.
_NOT_TO_LEARN: dict[str, Any] = {
    **{"replay_buffer_class": None, "buffer_size": 1, "n_steps": 1, "action_noise": None},
    **{"learning_rate": 0.0, "lr_schedule": None, "clip_range": 0.2, "clip_range_vf": None},
}
_OBSERVATION = spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32)
_ACTION = spaces.Box(-1.0, 1.0, (ACTION_SIZE,), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SavedPolicy:
    """A policy from elsewhere.

    Attributes:
        files: where it was loaded from.
        algorithm: one of :data:`KINDS`.
        model: to act, not to learn.
        normaliser: what its observations pass through, if anything.
    """

    files: SavedFiles
    algorithm: str
    model: BaseAlgorithm
    normaliser: VecNormalize | None

    def predict(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """SB3's own action, [5], for an observation of the cell, [OBSERVATION_SIZE], without exploration noise."""
        seen = self.normaliser.normalize_obs(observation) if self.normaliser else observation
        action, _ = self.model.predict(seen, deterministic=True)
        return action.astype(np.float32)

    @property
    def notice(self) -> str | None:
        """What has to be said where there is no normaliser: a policy's file does not tell whether it needs one."""
        if self.files.normaliser:
            return None
        beside = "".join(f"; {path.name} lies beside it" for path in normalisers_beside(self.files.policy.parent))
        others = "; it has learned from other ones, as behind a normaliser" if learned_from_others(self.model) else ""
        return f"robocell: {self.files}: no normaliser given: observations go in as they are{others}{beside}"


def load_saved(files: SavedFiles) -> SavedPolicy:
    """Loads a policy and its normaliser.

    Raises:
        InputError: not trusted, not what SB3 saves of one of :data:`KINDS`, or for other observations or actions.
    """
    for path in files.all:
        pickles.check(path)
    algorithm = _algorithm(files.policy)
    model = _model(KINDS[algorithm], files.policy)
    _check_space(f"{files.policy}: observation", model.observation_space, _OBSERVATION)
    _check_space(f"{files.policy}: action", model.action_space, _ACTION)
    return SavedPolicy(files, algorithm, model, _normaliser(files.normaliser) if files.normaliser else None)


def _algorithm(path: Path) -> str:
    """Which of :data:`KINDS` a zip holds, by its settings, of which nothing is unpickled here."""
    try:
        with zipfile.ZipFile(path) as archive:
            settings = json.loads(archive.read("data"))
        module = settings["policy_class"]["__module__"]
    except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"no model ({_in_short(error)})", "what SB3's save wrote") from error
    if module == _ACTOR_CRITIC and "clip_range" in settings:
        return "PPO"
    if module == _ACTOR_CRITIC and "cg_max_steps" not in settings:
        return "A2C"
    if module not in _POLICIES:
        found = "TRPO" if module == _ACTOR_CRITIC else f"a policy of {module}"
        raise InputError(path, found, f"a policy of SB3's own: {', '.join(KINDS)}")
    return _POLICIES[module]


def _model(kind: type[BaseAlgorithm], path: Path) -> BaseAlgorithm:
    try:
        return kind.load(path, device="cpu", custom_objects=_NOT_TO_LEARN)
    except Exception as error:  # it runs what is in the file
        raise InputError(path, f"no {kind.__name__} ({_in_short(error)})", "what SB3's save wrote") from error


def _normaliser(path: Path) -> VecNormalize:
    """Statistics that SB3's ``VecNormalize.save`` wrote, of our observation."""
    expected = f"what SB3's VecNormalize.save wrote, of {OBSERVATION_SIZE} numbers"
    try:
        with path.open("rb") as file:
            found = pickle.load(file)
    except Exception as error:  # it runs what is in the file
        raise InputError(path, f"no normaliser ({_in_short(error)})", expected) from error
    if not isinstance(found, VecNormalize):
        raise InputError(path, f"a {type(found).__name__}", expected)
    if found.norm_obs:
        _check_statistics(path, found, expected)
    return found


def _check_statistics(path: Path, found: VecNormalize, expected: str) -> None:
    statistics = found.obs_rms
    if not isinstance(statistics, RunningMeanStd) or np.shape(statistics.mean) != (OBSERVATION_SIZE,):
        shape = np.shape(statistics.mean) if isinstance(statistics, RunningMeanStd) else "of several observations"
        raise InputError(f"{path}: obs_rms", f"shape {shape}", expected)
    spread = np.sqrt(statistics.var + found.epsilon)
    if not (np.isfinite(statistics.mean).all() and np.isfinite(spread).all() and (spread > 0).all()):
        raise InputError(f"{path}: obs_rms", "a mean or variance to divide by that is no number", expected)


def _check_space(place: str, found: spaces.Space[Any], own: spaces.Box) -> None:
    """Compares a space with the cell's own; names what differs."""
    if not isinstance(found, spaces.Box):
        raise InputError(place, f"a {type(found).__name__} space", f"a Box of shape {own.shape}, as this cell has it")
    if found.shape != own.shape:
        raise InputError(place, f"shape {found.shape}", f"{own.shape}, as this cell has it")
    for bound in ("low", "high"):
        theirs, ours = getattr(found, bound), getattr(own, bound)
        if not np.array_equal(theirs, ours):
            entry = int(np.flatnonzero(theirs != ours)[0])
            raise InputError(f"{place}[{entry}]", f"{bound} {theirs[entry]}", f"{ours[entry]}, as this cell has it")


def _in_short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
