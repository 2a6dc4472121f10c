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
from robocell_agents.acting.learned_from import learned_from_others
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.files import read_json, reading, whole_lines
from robocell_agents.saved_files import normalisers_beside
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, parse, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.files import SCRATCH, write_text
from robocell_controller.yaml_core import to_yaml

_WRITTEN = (
    *("run.json", "config.yaml", "cell.yaml", "policy.zip", "certified.zip", "progress.jsonl"),
    *("checkpoint", "checkpoint.*", "finalists", "tensorboard", f"{SCRATCH}*"),
)
MADE_HERE = "what robocell train wrote: train again"
_PROGRESS = "progress.jsonl"
_NUMBERS = ("wall_s", "steps", "success", "low", "high", "parts_per_hour")  # in each of its rows
_ROUNDING = 0.01  # s, of its times
_ELSEWHERE = "what robocell train leaves; what was trained elsewhere goes by its own file, with --normaliser"


def write_config(path: Path, config: Config) -> None:
    """Writes a config as YAML, beside its place and renamed into it."""
    write_text(path, to_yaml(config.model_dump()))


def read_run(run: Path) -> dict[str, Any]:
    """The ``run.json`` of a finished training.

    Raises:
        InputError: no run folder, or its training has not finished.
    """
    content = read_status(run)
    if content["status"] != "finished":
        raise InputError(run, f"training is {content['status']!r}", "a finished training (train --resume)")
    return content


def read_status(run: Path) -> dict[str, Any]:
    """The ``run.json`` of a training in any state."""
    return read_json(run / "run.json", "a run folder made by robocell train", ("status",))


def training_config(run: Path) -> TrainingConfig:
    """The resolved training config of a run."""
    return parse(TrainingConfig, read_yaml(run / "config.yaml"), run / "config.yaml")


def cell_config(run: Path) -> CellConfig:
    """The resolved cell config of a run."""
    return parse(CellConfig, read_yaml(run / "cell.yaml"), run / "cell.yaml")


def load_model(run: Path) -> BaseAlgorithm:
    """The best policy of a finished training. Unpickles: only what was made here or is trusted.

    Raises:
        InputError: no finished training, a pickle from elsewhere, or one that has learned behind a normaliser.
    """
    read_run(run)
    if found := normalisers_beside(run):
        raise InputError(found[0], "a normaliser beside a run, which none of ours has", _ELSEWHERE)
    model = load_policy(training_config(run).algorithm, run / "policy.zip")
    if learned_from_others(model):
        raise InputError(run / "policy.zip", "a policy that has learned behind a normaliser", _ELSEWHERE)
    return model


def read_progress(run: Path) -> list[dict[str, Any]]:
    """The validations of a training, in order; none of one that has not come that far."""
    path = run / _PROGRESS
    with reading(path, MADE_HERE):
        return [_row(json.loads(line)) for line in whole_lines(path, MADE_HERE)]


def drop_later_rows(run: Path, wall_s: float) -> None:
    """Takes the validations out of a run's progress that came after ``wall_s`` s of training."""
    rows = [row for row in read_progress(run) if row["wall_s"] <= wall_s + _ROUNDING]
    if (run / _PROGRESS).exists():
        write_text(run / _PROGRESS, "".join(json.dumps(row) + "\n" for row in rows))


def load_policy(algorithm: str, path: Path) -> BaseAlgorithm:
    """A saved model, to act and not to learn: without the replay buffer, which hindsight makes for an environment.

    Raises:
        InputError: a pickle from elsewhere, or no model of this algorithm.
    """
    pickles.check(path)
    acting = {"replay_buffer_class": None, "buffer_size": 1}
    model_class = algorithm_class(algorithm)
    with reading(path, f"a model of {algorithm} that robocell train wrote: train again"):
        return to_act(model_class.load(path, device="cpu", custom_objects=acting))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    wrong = [key for key in _NUMBERS if not isinstance(row[key], int | float)]
    if wrong or not isinstance(row["stage"], str):
        raise ValueError(f"{wrong[0] if wrong else 'stage'} of a row")
    return row


def clear(run: Path) -> None:
    """Takes what a training has written out of its folder, to begin anew; nothing else that lies there."""
    for entry in (path for name in _WRITTEN for path in run.glob(name)):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def swap_in(new: Path, place: Path) -> None:
    """Puts the finished folder ``new`` at ``place``; a kill in between leaves the old one as ``place.old``."""
    old = place.with_name(place.name + ".old")
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def latest(place: Path) -> Path | None:
    """The folder that :func:`swap_in` last left whole, if any."""
    for candidate in (place, place.with_name(place.name + ".old")):
        if candidate.is_dir():
            return candidate
    return None
