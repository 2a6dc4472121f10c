"""``robocell train``: checks the configs, makes or resumes a run folder, and trains in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.distributions import Distribution

from robocell_agents import provenance
from robocell_agents.acting import run_folder
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.files import write_json
from robocell_agents.training.selection import console
from robocell_agents.training.training import StoppedError, Training
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.progress import progress_bar
from robocell_controller.signals import stop_signals


@contextmanager
def _lean_torch() -> Iterator[None]:
    """One thread, and no checks of a distribution's arguments: a tenth of a forward pass, and rewards are checked."""
    threads, checked = torch.get_num_threads(), Distribution._validate_args
    torch.set_num_threads(1)
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        Distribution.set_default_validate_args(checked)


@_lean_torch()
def train(name: str, seed: int, run: Path, resume: bool, workers: int = 2) -> int:
    """Trains by a config; returns the exit code: 0, or 128 + signal after a clean stop by a signal.

    Args:
        name: name of a default training config, or a file.
        seed: training seed.
        run: run folder; must be new unless ``resume``.
        resume: go on from the folder's last checkpoint.
        workers: processes for episodes, and for the environments of a config that asks for subprocesses.

    Raises:
        InputError: bad config, a folder that is not new, or nothing to resume.
    """
    config = load(TrainingConfig, "agents", name)
    cells = training_cells(config)
    _prepare(run, name, config, cells[0], seed, resume)
    training = Training(config, cells, seed, run, workers)

    def ask_to_stop(number: int) -> None:
        training.stopped_by = number

    with stop_signals(ask_to_stop), progress_bar(console) as progress:
        try:
            training.train(progress)
            status, code = "finished", 0
        except StoppedError:
            status, code = "interrupted", 128 + training.stopped_by
    content = run_folder.read_status(run)
    chosen = training.selection.chosen.row() if training.selection.chosen else None
    write_json(
        run / "run.json",
        {
            **content,
            "status": status,
            "wall_s": round(training.wall_s, 1),
            "validation": chosen,
            "certified": training.selection.certified,
        },
    )
    if training.selection.certified:
        console.print(
            "certified after {wall_s:.0f} s: success of at least {success:g}, confidence {confidence:g}".format(
                **training.selection.certified
            )
        )
    return code


def _prepare(run: Path, name: str, config: TrainingConfig, cell: CellConfig, seed: int, resume: bool) -> None:
    if resume:
        _check_unchanged(run, config, cell, seed)
        return
    if run.exists() and any(run.iterdir()):
        raise InputError(run, "exists already", "a new folder, or --resume")
    run.mkdir(parents=True, exist_ok=True)
    run_folder.write_config(run / "config.yaml", config)
    run_folder.write_config(run / "cell.yaml", cell)
    write_json(
        run / "run.json",
        {
            "status": "running",
            "config": Path(name).stem,
            "algorithm": config.algorithm,
            "seed": seed,
            **provenance.record(),
        },
    )


def _check_unchanged(run: Path, config: TrainingConfig, cell: CellConfig, seed: int) -> None:
    status = run_folder.read_status(run)
    if status["status"] == "finished":
        raise InputError(run, "training is finished", "an unfinished run to resume")
    for old, new in ((run_folder.training_config(run), config), (run_folder.cell_config(run), cell)):
        for key, value in new.model_dump().items():
            if old.model_dump()[key] != value:
                raise InputError(f"{run}: {key}", repr(value), f"{old.model_dump()[key]!r}, as the run began")
    if status["seed"] != seed:
        raise InputError(f"{run}: seed", str(seed), f"{status['seed']}, as the run began")
