"""Export: from a run folder to a bundle, with proof that the graph does what the trained policy does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import provenance
from robocell_agents.acting.policy_graph import policy_graph
from robocell_agents.acting.run_folder import cell_config, load_model, read_run, training_config
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.export.card import card
from robocell_agents.files import read_json
from robocell_agents.seeds import episode_seeds
from robocell_controller.bundle.bundle import CARD, CONTRACT, EVALUATION, GOLDEN, POLICY, SBOM, write_bundle
from robocell_controller.bundle.golden import TOLERANCE, Golden
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.bundle.policy_contract import own_contract, training_envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.path.observer import BOUNDS
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.canonical import json_bytes
from robocell_controller.trust.keys import announce
from robocell_controller.trust.sbom import bill_of_materials
from robocell_controller.trust.signing import DEVELOPMENT, load_signing_key
from robocell_envs.cell_env import PickPlaceEnv

SAMPLES = 1000  # observations of each kind that SB3 and ONNX Runtime must agree on
# Steps from which the training envelope is taken, in the run's own cell and in each further one: what keeps one value
# for a whole episode, as a part's height does, needs hundreds of episodes to show its range.
LEARNED, LEARNED_BESIDE = 10_000, 2_000
_GOLDEN = 256  # of each kind that travel with the bundle
_SEED = 0

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parity:
    """Greatest difference of an action between SB3 and ONNX Runtime, by kind of observation."""

    recorded: float
    random: float

    @property
    def greatest(self) -> float:
        """Over all observations."""
        return max(self.recorded, self.random)


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
    if out.exists():
        raise InputError(out, "exists already", "a new folder")
    anchors = load_anchors()
    key = load_signing_key(anchors.ring, key_name, anchors.today)
    about, cell = read_run(run), cell_config(run)
    if training_config(run).residual:
        raise InputError(run, "a residual policy, which is none without its program", "a policy of its own")
    name, model = policy_name or _config_name(run, about), load_model(run)
    graph = policy_graph(model)
    policy = OnnxPolicy(out / POLICY, graph)
    met, random = _met(run, cell, policy), _random()
    recorded = met[:SAMPLES]
    parity = Parity(_difference(model, policy, recorded), _difference(model, policy, random))
    if not parity.greatest <= TOLERANCE:
        found = f"ONNX Runtime's actions differ from SB3's by {parity.greatest:.1e}"
        raise InputError(run, found, f"{TOLERANCE:.0e} at most")
    manifest = {**_manifest(about, parity), "name": name, "epoch": epoch}
    evaluation = _evaluation(run, about)
    files = {
        POLICY: graph,
        CONTRACT: json_bytes(own_contract(cell, _cell_name(run), training_envelope(met)).model_dump()),
        GOLDEN: _golden(model, recorded, random).to_bytes(),
        EVALUATION: json_bytes(evaluation),
        CARD: card(manifest, evaluation).encode(),
        SBOM: json_bytes(_bill(manifest, graph)),
    }
    write_bundle(out, files, manifest, key)
    announce(out, key.public)
    return parity


def _met(run: Path, cell: CellConfig, policy: OnnxPolicy) -> Vectors:
    """Observations that the policy meets in all cells of its training, its own first; [steps, OBSERVATION_SIZE]."""
    others = training_cells(training_config(run))[1:]
    return np.concatenate([_recorded(cell, policy, LEARNED), *(_recorded(c, policy, LEARNED_BESIDE) for c in others)])


def _recorded(cell: CellConfig, policy: OnnxPolicy, steps: int) -> Vectors:
    """Observations that the policy meets in one cell, on tuning seeds; [steps, OBSERVATION_SIZE]."""
    env = PickPlaceEnv(cell)
    rows: list[Vectors] = []
    for seed in episode_seeds("tuning", steps):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended and len(rows) < steps:
            rows.append(observation)
            observation, _, terminated, truncated, _ = env.step(policy.act(observation))
            ended = terminated or truncated
        if len(rows) == steps:
            break
    env.close()
    return np.array(rows)


def _random() -> Vectors:
    """Observations from all over the observation space; [SAMPLES, 29]."""
    stream = np.random.default_rng(_SEED)
    return stream.uniform(-BOUNDS, BOUNDS, (SAMPLES, len(BOUNDS))).astype(np.float32)


def _actions(act: Callable[[Vectors], Any], observations: Vectors) -> Vectors:
    return np.array([act(observation) for observation in observations], dtype=np.float32)


def _predict(model: BaseAlgorithm, observations: Vectors) -> Vectors:
    """SB3's own actions, one observation a call, as a controller would ask for them; [n, 5]."""
    return _actions(lambda observation: model.predict(observation, deterministic=True)[0], observations)


def _difference(model: BaseAlgorithm, policy: OnnxPolicy, observations: Vectors) -> float:
    return float(np.abs(_predict(model, observations) - _actions(policy.act, observations)).max())


def _golden(model: BaseAlgorithm, recorded: Vectors, random: Vectors) -> Golden:
    chosen = np.linspace(0, SAMPLES - 1, _GOLDEN).astype(int)
    observations = np.concatenate([recorded[chosen], random[chosen]])
    return Golden(observations, _predict(model, observations))


def _manifest(about: dict[str, Any], parity: Parity) -> dict[str, Any]:
    own = version("robocell")
    training = {key: about.get(key) for key in ("config", "algorithm", "seed", "command", "versions", "git", "wall_s")}
    return {
        "version": own,
        "created_by": {"robocell": own, "versions": provenance.versions(), "training": training},
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


def _cell_name(run: Path) -> str:
    return Path(training_config(run).cell).stem
