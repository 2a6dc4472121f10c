"""``robocell train``: checks the configs, makes or resumes a run folder, and trains in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch.distributions import Distribution

from robocell_agents import provenance
from robocell_agents.acting import run_folder
from robocell_agents.acting.algorithms import algorithm_class
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.files import write_json
from robocell_agents.training import checkpoint
from robocell_agents.training.selection import console
from robocell_agents.training.training import StoppedError, Training
from robocell_agents.workers import worker_pool
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.files import SCRATCH, make_folder, writing
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
        resume: go on from the folder's last checkpoint; begin anew, with other settings too, if there is none yet.
        workers: processes for episodes, and for the environments of a config that asks for subprocesses.

    Raises:
        InputError: bad config, a folder that is not new, or nothing to resume.
        ProcessDied: a worker has died; a resume goes on.
        SystemExit: asked to stop a second time.
    """
    config = load(TrainingConfig, "agents", name)
    cells = training_cells(config, name)
    algorithm_class(config.algorithm)  # or it is not installed
    _prepare(run, name, config, cells[0], seed, resume)
    with worker_pool(workers) as pool:
        training = Training(config, cells, seed, run, workers, pool)

        def ask_to_stop(number: int) -> None:
            if training.stopped_by:  # asked again: at once
                raise SystemExit(128 + number)
            training.stopped_by = number

        with stop_signals(ask_to_stop), progress_bar(console) as progress:
            try:
                with writing(run / "tensorboard"):  # the one file here whose writer names none
                    training.train(progress)
                status, code = "finished", 0
            except StoppedError:
                status, code = "interrupted", 128 + training.stopped_by
            except InputError:
                if not checkpoint.exists(run):  # of a config that can't be trained nothing is left
                    _forget(run)
                raise
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
    if resume and not _barely_begun(run):
        if run_folder.read_status(run)["status"] == "finished":
            raise InputError(run, "training is finished", "an unfinished run to resume")
        if checkpoint.exists(run):
            _check_unchanged(run, config, cell, seed)
            return
        run_folder.clear(run)
    elif run.exists() and (not run.is_dir() or (any(run.iterdir()) and not resume)):
        begun = (run / "run.json").is_file() and not checkpoint.exists(run)
        way = ", which begins anew: nothing is trained yet" if begun else ""
        raise InputError(run, "exists already", f"a new folder, or --resume{way}")
    make_folder(run)
    content = {
        "status": "running",
        "config": Path(name).stem,
        "algorithm": config.algorithm,
        "seed": seed,
        **provenance.record(),
    }
    try:
        run_folder.write_config(run / "config.yaml", config)
        run_folder.write_config(run / "cell.yaml", cell)
        write_json(run / "run.json", content)
    except BaseException:
        run_folder.clear(run)  # or the folder would be neither new nor to be resumed
        raise


def _forget(run: Path) -> None:
    """Takes a run folder away; what is not of the training stays, and a link to a folder too."""
    run_folder.clear(run)
    if not run.is_symlink():
        with suppress(OSError):
            run.rmdir()


def _barely_begun(run: Path) -> bool:
    """Whether a training was killed while it wrote the files that all others come after."""
    names = {path.name for path in run.iterdir()} if run.is_dir() else set()
    return bool(names) and all(name in ("config.yaml", "cell.yaml") or name.startswith(SCRATCH) for name in names)


def _check_unchanged(run: Path, config: TrainingConfig, cell: CellConfig, seed: int) -> None:
    for old, new in ((run_folder.training_config(run), config), (run_folder.cell_config(run), cell)):
        for key, value in new.model_dump().items():
            if old.model_dump()[key] != value:
                raise InputError(
                    f"{run}: {key}", repr(value), f"{old.model_dump()[key]!r}, as the run began, or a new folder"
                )
    first = run_folder.read_status(run)["seed"]
    if first != seed:
        raise InputError(f"{run}: seed", str(seed), f"{first}, as the run began, or a new folder")
