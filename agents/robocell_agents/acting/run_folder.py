"""The run folder: what a training leaves behind, written so that a kill at any moment leaves a readable state.

``run.json`` status and provenance · ``config.yaml`` and ``cell.yaml`` the resolved configs · ``policy.zip`` the best
policy · ``progress.jsonl`` validation results · ``checkpoint/`` what ``--resume`` needs · ``tensorboard/``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import pickles
from robocell_agents.acting.algorithms import algorithm_class
from robocell_agents.acting.asymmetric import to_act
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.files import read_json, write_text
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, parse, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.yaml_core import to_yaml

_ROUNDING = 0.01  # s, of the times in ``progress.jsonl``


def write_config(path: Path, config: Config) -> None:
    """Writes a config as YAML, beside its place and renamed into it."""
    write_text(path, to_yaml(config.model_dump()))


def read_run(run: Path) -> dict[str, Any]:
    """The ``run.json`` of a finished training.

    Raises:
        InputError: no run folder, or its training has not finished.
    """
    content = read_status(run)
    if content.get("status") != "finished" or not (run / "policy.zip").is_file():
        raise InputError(run, f"training is {content.get('status')!r}", "a finished training (train --resume)")
    return content


def read_status(run: Path) -> dict[str, Any]:
    """The ``run.json`` of a training in any state."""
    return read_json(run / "run.json", "a run folder made by robocell train")


def training_config(run: Path) -> TrainingConfig:
    """The resolved training config of a run."""
    return parse(TrainingConfig, read_yaml(run / "config.yaml"), run / "config.yaml")


def cell_config(run: Path) -> CellConfig:
    """The resolved cell config of a run."""
    return parse(CellConfig, read_yaml(run / "cell.yaml"), run / "cell.yaml")


def load_model(run: Path) -> BaseAlgorithm:
    """The best policy of a finished training. Unpickles: only what was made here or is trusted.

    Raises:
        InputError: no finished training, or a pickle from elsewhere.
    """
    read_run(run)
    return load_policy(training_config(run).algorithm, run / "policy.zip")


def read_progress(run: Path) -> list[dict[str, Any]]:
    """The validations of a training, in order; none of one that has not come that far."""
    path = run / "progress.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def drop_later_rows(run: Path, wall_s: float) -> None:
    """Takes the validations out of a run's progress that came after ``wall_s`` s of training."""
    rows = [row for row in read_progress(run) if row["wall_s"] <= wall_s + _ROUNDING]
    write_text(run / "progress.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def load_policy(algorithm: str, path: Path) -> BaseAlgorithm:
    """A saved model, to act and not to learn: without the replay buffer, which hindsight makes for an environment."""
    pickles.check(path)
    acting = {"replay_buffer_class": None, "buffer_size": 1}
    return to_act(algorithm_class(algorithm).load(path, device="cpu", custom_objects=acting))


def empty(run: Path) -> None:
    """Takes all out of a run folder, to begin anew."""
    for entry in run.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def remove(run: Path) -> None:
    """Takes a run folder away; a link to one stays."""
    empty(run)
    if not run.is_symlink():
        run.rmdir()


def swap_in(new: Path, place: Path) -> None:
    """Puts the finished folder ``new`` at ``place``; a kill in between leaves the old one as ``place.old``."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def latest(place: Path) -> Path | None:
    """The folder that :func:`swap_in` last left whole, if any."""
    for candidate in (place, place.with_name(place.name + ".old")):
        if candidate.is_dir():
            return candidate
    return None
