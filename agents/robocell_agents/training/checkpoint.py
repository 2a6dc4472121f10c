"""Checkpoints: model with its optimiser, replay buffer, random streams and the run's progress, swapped in whole."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from robocell_agents import pickles
from robocell_agents.acting.demonstrations import Transitions
from robocell_agents.acting.run_folder import MADE_HERE, latest, swap_in
from robocell_agents.files import read_json, reading
from robocell_controller.errors import InputError
from robocell_controller.files import writing

_FOLDER, _PROGRESS = "checkpoint", "progress.json"


def save(run: Path, model: BaseAlgorithm, data: Transitions | None, progress: dict[str, Any]) -> None:
    """Writes a checkpoint; the one before stays until this one is whole.

    Args:
        run: run folder.
        model: the learner.
        data: labelled transitions, while cloning or rehearsal goes on.
        progress: what else the run needs to go on, JSON.
    """
    new = run / f"{_FOLDER}.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        with writing(run / _FOLDER):
            new.mkdir()
            _fill(new, model, data, progress)
            swap_in(new, run / _FOLDER)
    finally:
        shutil.rmtree(new, ignore_errors=True)  # of no use, and in the way of the disk, if it is not whole


def _fill(new: Path, model: BaseAlgorithm, data: Transitions | None, progress: dict[str, Any]) -> None:
    model.save(new / "model.zip")
    pickles.note(new / "model.zip")
    if isinstance(model, OffPolicyAlgorithm) and model.replay_buffer is not None:
        model.save_replay_buffer(new / "replay_buffer.pkl")
        pickles.note(new / "replay_buffer.pkl")
    if data is not None:
        np.savez(new / "data.npz", **{name: getattr(data, name) for name in Transitions.__dataclass_fields__})
    np.save(new / "torch_random.npy", torch.get_rng_state().numpy())
    streams = {
        "python": _listed(random.getstate()),
        "numpy": _listed(np.random.get_state()),
        "envs": _env_streams(model.get_env()),
    }
    content = {**progress, "streams": streams, "files": sorted(path.name for path in new.iterdir())}
    (new / _PROGRESS).write_text(json.dumps(content), encoding="utf-8")


def exists(run: Path) -> bool:
    """Whether there is something to resume from."""
    return latest(run / _FOLDER) is not None


def progress_file(run: Path) -> Path:
    """The file of the last checkpoint that holds the run's progress."""
    folder = latest(run / _FOLDER)
    assert folder is not None
    return folder / _PROGRESS


def restore(
    run: Path, model_class: type[BaseAlgorithm], env: VecEnv
) -> tuple[BaseAlgorithm, Transitions | None, dict[str, Any]]:
    """Model on ``env``, data and progress of the last checkpoint; random streams go on where they were.

    Raises:
        InputError: a checkpoint that was not made here and is not trusted, or a file in it that is damaged or missing.
    """
    place = progress_file(run)
    folder, progress = place.parent, read_json(place, MADE_HERE, ("streams",))
    for name in progress.pop("files", []):
        if not (folder / name).is_file():
            raise InputError(folder / name, "missing", MADE_HERE)
    pickles.check(folder / "model.zip")
    with reading(folder / "model.zip", MADE_HERE), catch_warnings():
        filterwarnings("error", "Could not deserialize")  # else SB3 goes on with what a new model has in its place
        model = model_class.load(folder / "model.zip", env=env, device="cpu", tensorboard_log=str(run / "tensorboard"))
    if isinstance(model, OffPolicyAlgorithm) and (folder / "replay_buffer.pkl").exists():
        pickles.check(folder / "replay_buffer.pkl")
        with reading(folder / "replay_buffer.pkl", MADE_HERE):
            model.load_replay_buffer(folder / "replay_buffer.pkl")
    data = _transitions(folder / "data.npz")
    with reading(folder / "torch_random.npy", MADE_HERE):
        torch.set_rng_state(torch.as_tensor(np.load(folder / "torch_random.npy")))
    with reading(place, MADE_HERE):
        _restore_streams(env, progress.pop("streams"))
    return model, data, progress


def _transitions(path: Path) -> Transitions | None:
    if not path.exists():
        return None
    with reading(path, MADE_HERE), np.load(path) as arrays:
        return Transitions(**arrays)


def _restore_streams(env: VecEnv, streams: dict[str, Any]) -> None:
    name, key, *rest = streams["numpy"]
    np.random.set_state((name, np.array(key, dtype=np.uint32), *rest))
    version, state, gauss = streams["python"]
    random.setstate((version, tuple(state), gauss))
    env.reset()  # uses up the seeds the env was made with; the streams set now are what later resets draw from
    for index, stream in enumerate(streams["envs"]):
        env.env_method("set_random_state", stream, indices=[index])


def _env_streams(env: VecEnv | None) -> list[Any]:
    assert env is not None
    return list(env.env_method("random_state"))


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
