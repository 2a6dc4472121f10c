"""Export: from a learned policy to a bundle, with proof that the graph does what the policy does."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import provenance
from robocell_agents.acting.policy_graph import policy_graph
from robocell_agents.acting.run_folder import cell_config, load_model, read_run, training_config
from robocell_agents.acting.saved_policy import load_saved
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.export.card import card
from robocell_agents.export.observations import Vector, Vectors, anywhere, met
from robocell_agents.files import read_json
from robocell_agents.saved_files import SavedFiles
from robocell_controller.bundle.bundle import CARD, CONTRACT, EVALUATION, GOLDEN, POLICY, SBOM, write_bundle
from robocell_controller.bundle.golden import TOLERANCE, Golden
from robocell_controller.bundle.onnx_policy import INTERFACE, OnnxPolicy
from robocell_controller.bundle.policy_contract import own_contract, training_envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.canonical import json_bytes
from robocell_controller.trust.keys import announce
from robocell_controller.trust.onnx_check import check_graph
from robocell_controller.trust.sbom import bill_of_materials
from robocell_controller.trust.signing import DEVELOPMENT, SigningKey, load_signing_key
from robocell_envs.plant.cell_checks import load_cell

SAMPLES = 1000  # observations of each kind that SB3 and ONNX Runtime must agree on
# Steps from which the training envelope is taken, in the policy's own cell and in each further one: what keeps one
# value for a whole episode, as a part's height does, needs hundreds of episodes to show its range.
LEARNED, LEARNED_BESIDE = 10_000, 2_000
_GOLDEN = 256  # of each kind that travel with the bundle


@dataclass(frozen=True, slots=True)
class Parity:
    """Greatest difference of an action between SB3 and ONNX Runtime, by kind of observation."""

    recorded: float
    random: float

    @property
    def greatest(self) -> float:
        """Over all observations."""
        return max(self.recorded, self.random)


@dataclass(frozen=True, slots=True)
class _Learned:
    """A policy that is to be exported, and what its bundle says of it.

    Attributes:
        name: what the store calls it.
        graph: of ONNX.
        predict: SB3's own action for one observation.
        cells: those it has learned in, its own first.
        cell_name: its own cell's.
        training: where it comes from.
        evaluation: how well it does.
    """

    name: str
    graph: bytes
    predict: Callable[[Vector], Vector]
    cells: list[CellConfig]
    cell_name: str
    training: dict[str, Any]
    evaluation: dict[str, Any]


def export(run: Path, out: Path, key_name: str = DEVELOPMENT, epoch: int = 1, policy_name: str | None = None) -> Parity:
    """Writes the bundle of a finished training to ``out``; the same run and key give the same bytes.

    Args:
        run: run folder.
        out: the bundle; must not exist yet.
        key_name: the key of this installation to sign with; the development key is made on first use.
        epoch: see :class:`robocell_controller.bundle.manifest.Manifest`.
        policy_name: what the store calls it; that of the training config when left out.

    Returns:
        How well SB3 and ONNX Runtime agree.

    Raises:
        InputError: no such key, no finished training, a policy that can't be exported, ``out`` exists, or the graph's
            actions differ by more than ``TOLERANCE``. Nothing is written then.
    """
    key = _key(out, key_name)
    return _write(_of_run(run, policy_name), out, key, epoch)


def export_saved(
    files: SavedFiles,
    cell: str,
    out: Path,
    key_name: str = DEVELOPMENT,
    epoch: int = 1,
    policy_name: str | None = None,
    evaluation: Path | None = None,
) -> Parity:
    """Writes the bundle of a policy that was trained elsewhere; see :func:`export`.

    Args:
        files: what SB3 saved; they must be trusted.
        cell: name or file of the cell that it was trained in.
        out: as there.
        key_name: as there.
        epoch: as there.
        policy_name: what the store calls it; as its file when left out.
        evaluation: what ``robocell evaluate`` wrote of it, to travel along.
    """
    key = _key(out, key_name)
    return _write(_of_saved(files, cell, policy_name, evaluation), out, key, epoch)


def _key(out: Path, name: str) -> SigningKey:
    if out.exists():
        raise InputError(out, "exists already", "a new folder")
    anchors = load_anchors()
    return load_signing_key(anchors.ring, name, anchors.today)


def _of_run(run: Path, name: str | None) -> _Learned:
    about, cell, config = read_run(run), cell_config(run), training_config(run)
    if config.residual:
        raise InputError(run, "a residual policy, which is none without its program", "a policy of its own")
    known = ("config", "algorithm", "seed", "command", "versions", "git", "wall_s")
    name, model = name or _config_name(run, about), load_model(run)
    return _Learned(
        name,
        policy_graph(model),
        lambda observation: _predict(model, observation),
        [cell, *training_cells(config)[1:]],
        Path(config.cell).stem,
        {key: about.get(key) for key in known},
        _evaluation(run, about),
    )


def _of_saved(files: SavedFiles, cell: str, name: str | None, evaluation: Path | None) -> _Learned:
    config, policy = load_cell(cell), load_saved(files)
    if policy.notice:
        print(policy.notice, file=sys.stderr)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.all}
    observations = "through the normaliser, which is in the graph" if files.normaliser else "as they are, no normaliser"
    return _Learned(
        name or files.policy.stem,
        policy_graph(policy.model, policy.normaliser),
        policy.predict,
        [config],
        Path(cell).stem,
        {"elsewhere": True, "algorithm": policy.algorithm, "observations": observations, "sha256": digests},
        read_json(evaluation, "what robocell evaluate wrote") if evaluation else {"success": None},
    )


def _write(learned: _Learned, out: Path, key: SigningKey, epoch: int) -> Parity:
    check_graph(out / POLICY, learned.graph, INTERFACE)
    policy = OnnxPolicy(out / POLICY, learned.graph)
    envelope, random = _met(learned.cells, policy), anywhere(SAMPLES)
    recorded = envelope[:SAMPLES]
    parity = Parity(_difference(learned, policy, recorded), _difference(learned, policy, random))
    if not parity.greatest <= TOLERANCE:
        found = f"ONNX Runtime's actions differ from SB3's by {parity.greatest:.1e}"
        raise InputError(learned.name, found, f"{TOLERANCE:.0e} at most")
    manifest = {**_manifest(learned, parity), "epoch": epoch}
    contract = own_contract(learned.cells[0], learned.cell_name, training_envelope(envelope))
    files = {
        POLICY: learned.graph,
        CONTRACT: json_bytes(contract.model_dump()),
        GOLDEN: _golden(learned, recorded, random).to_bytes(),
        EVALUATION: json_bytes(learned.evaluation),
        CARD: card(manifest, learned.evaluation).encode(),
        SBOM: json_bytes(_bill(manifest, learned.graph)),
    }
    write_bundle(out, files, manifest, key)
    announce(out, key.public)
    return parity


def _met(cells: list[CellConfig], policy: OnnxPolicy) -> Vectors:
    """Observations that the policy meets in all cells of its training; [steps, OBSERVATION_SIZE]."""
    own, *others = cells
    return np.concatenate([met(own, policy, LEARNED), *(met(cell, policy, LEARNED_BESIDE) for cell in others)])


def _actions(act: Callable[[Vector], Vector], observations: Vectors) -> Vectors:
    """One observation a call, as a controller would ask for them; [n, 5]."""
    return np.array([act(observation) for observation in observations], dtype=np.float32)


def _predict(model: BaseAlgorithm, observation: Vector) -> Vector:
    action, _ = model.predict(observation, deterministic=True)
    return action.astype(np.float32)


def _difference(learned: _Learned, policy: OnnxPolicy, observations: Vectors) -> float:
    return float(np.abs(_actions(learned.predict, observations) - _actions(policy.act, observations)).max())


def _golden(learned: _Learned, recorded: Vectors, random: Vectors) -> Golden:
    chosen = np.linspace(0, SAMPLES - 1, _GOLDEN).astype(int)
    observations = np.concatenate([recorded[chosen], random[chosen]])
    return Golden(observations, _actions(learned.predict, observations))


def _manifest(learned: _Learned, parity: Parity) -> dict[str, Any]:
    own = version("robocell")
    return {
        "name": learned.name,
        "version": own,
        "created_by": {"robocell": own, "versions": provenance.versions(), "training": learned.training},
        "parity": {"recorded": parity.recorded, "random": parity.random},
    }


def _bill(manifest: dict[str, Any], graph: bytes) -> dict[str, Any]:
    digest = {"alg": "SHA-256", "content": hashlib.sha256(graph).hexdigest()}
    model = {"type": "machine-learning-model", "name": manifest["name"], "version": manifest["version"]}
    return bill_of_materials({**model, "hashes": [digest]}, "robocell", frozenset({"train"}))


def _evaluation(run: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The run's evaluation, or what its training's validation said of the policy."""
    path = run / EVALUATION
    if path.is_file():
        return read_json(path, "what robocell evaluate wrote")
    return {"success": None, "validation": about.get("validation")}


def _config_name(run: Path, about: dict[str, Any]) -> str:
    """The training config's: what another config has trained is another policy, until somebody says otherwise."""
    if "config" not in about:
        raise InputError(f"{run / 'run.json'}: config", "missing", "a run of this version, or a name (--name)")
    return str(about["config"])
