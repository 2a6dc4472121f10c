"""``robocell study`` of peers: how far others' ways of learning come on their task, beside our own trainings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from robocell_agents import provenance
from robocell_agents.evaluation.side_by_side import Job, check_cores, run_side_by_side
from robocell_agents.files import folded_json, read_json
from robocell_agents.studies.document import read_document
from robocell_agents.studies.journal import first_difference
from robocell_agents.training_studies.figures import NOT_TRAINING
from robocell_agents.training_studies.peers_config import Peers, load_peers, make_peer_env
from robocell_agents.training_studies.peers_report import PEERS, peers_files
from robocell_agents.training_studies.report import TRAININGS
from robocell_controller.errors import InputError
from robocell_controller.files import write_text

_MODULE = "robocell_agents.training_studies.peer_training"
_CURVE = ("wall_s", "steps", "success", "low", "high")
_LEVELS = 5  # of the document that stand on lines of their own
Document = dict[str, Any]


def peers_study(name_or_path: str | Path) -> tuple[Document, Path]:
    """Trains what has no learning curve yet, then writes results, table and plot into the study's folder.

    Args:
        name_or_path: name of a default study, or a file.

    Returns:
        The document that is written to ``peers.json``, and the folder.

    Raises:
        InputError: bad study, or a curve of another training; or a training failed.
        ProcessDied: a training was killed.
        SystemExit: stopped by a signal; the same command trains what was not finished.
    """
    peers = load_peers(name_or_path)
    config, out = peers.config, Path(peers.config.out)
    check_cores(peers.path, config.side_by_side, config.cores)
    ours = _ours(Path(config.ours))
    _train_all(peers)
    document = {
        "study": peers.path.stem,
        **provenance.record(cores_of_each_run=config.cores, side_by_side=config.side_by_side),
        "env": config.env,
        "episodes": config.episodes,
        "time_limit_s": config.time_limit_s,
        "reach": config.reach,
        "peers": {
            name: {**peer.model_dump(), "runs": {str(seed): _curve(peers, name, seed) for seed in config.seeds}}
            for name, peer in config.peers.items()
        },
        "ours": ours,
    }
    write_text(out / PEERS, folded_json(document, _LEVELS) + "\n")
    for path, text in peers_files(out).items():
        write_text(path, text)
    return document, out


def _train_all(peers: Peers) -> None:
    config = peers.config
    wanted = [(name, seed) for name in config.peers for seed in config.seeds]
    missing = [one for one in wanted if not peers.curve(*one).is_file()]
    for one in wanted:
        if one not in missing:
            _curve(peers, *one)  # of the wrong settings: better said before half an hour of training than after
    if missing:
        make_peer_env(config.env).close()
    logs = [peers.curve(*one).with_suffix(".log") for one in missing]
    jobs = [
        Job([sys.executable, "-m", _MODULE, str(peers.path), name, str(seed)], log, failure=1)
        for (name, seed), log in zip(missing, logs, strict=True)
    ]
    label, done = f"study {peers.path.stem}: trainings", len(wanted) - len(missing)
    errors = run_side_by_side(jobs, config.side_by_side, config.cores, label, done)
    for log, error in zip(logs, errors, strict=True):
        if error:
            raise InputError(log, error, "a training that ends well")


def _curve(peers: Peers, name: str, seed: int) -> list[Document]:
    """The validations of one training, if it is the one that the study asks for."""
    path = peers.curve(name, seed)
    known = read_json(path, "what robocell study wrote", ("problem", "curve"))
    difference = first_difference(known["problem"], peers.problem(name))
    if difference:
        key, old, new = difference
        raise InputError(f"{path}: {key}", new, f"{old} as it was trained, or another folder for runs")
    curve: list[Document] = known["curve"]
    return curve


def _ours(folder: Path) -> Document:
    """Our own trainings: by cell and recipe, the validations of each training seed."""
    document = read_document(folder / TRAININGS, ("cells", "hardware"))
    runs = {
        f"{cell}, {name}": {seed: _validations(run["curve"]) for seed, run in recipe["runs"].items()}
        for cell, content in document["cells"].items()
        for name, recipe in content["recipes"].items()
    }
    return {"study": document["study"], "cores_of_each_run": document["hardware"]["cores_of_each_run"], "runs": runs}


def _validations(curve: list[Document]) -> list[Document]:
    return [{key: row[key] for key in _CURVE} for row in curve if row["stage"] not in NOT_TRAINING]
