from __future__ import annotations

import json
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import pickles
from robocell_agents.acting.policy_graph import policy_graph
from robocell_agents.acting.run_folder import load_model, write_config
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.export import export as export_module
from robocell_agents.export.export import export
from robocell_agents.files import read_json, write_json
from robocell_controller.bundle.bundle import CARD, EVALUATION, POLICY, SIZE_CAPS, load_bundle
from robocell_controller.bundle.golden import TOLERANCE
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.path.observer import BOUNDS
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv

CONFIGS = {"ppo": "pick_place", "sac": "sac"}


def untrained(algorithm: str, env: Any, policy: str = "MlpPolicy") -> BaseAlgorithm:
    """A model with weights large enough that squashing and clipping matter."""
    more = {"n_steps": 8, "batch_size": 8} if algorithm == "ppo" else {"buffer_size": 10}
    kind = PPO if algorithm == "ppo" else SAC
    model = kind(policy, env, policy_kwargs={"net_arch": [32, 32]}, seed=0, device="cpu", **more)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def env() -> Any:
    env = PickPlaceEnv()
    yield env
    env.close()


@pytest.fixture
def make_run(env: PickPlaceEnv, tmp_path: Path) -> Any:
    def make(algorithm: str = "ppo", status: str = "finished") -> Path:
        run = tmp_path / f"run-{algorithm}"
        run.mkdir()
        write_config(run / "config.yaml", load(TrainingConfig, "agents", CONFIGS[algorithm]))
        write_config(run / "cell.yaml", env.cell)
        about = {"config": CONFIGS[algorithm], "algorithm": algorithm, "seed": 5, "command": "robocell train"}
        write_json(run / "run.json", {"status": status, **about})
        untrained(algorithm, env).save(run / "policy.zip")
        pickles.note(run / "policy.zip")
        return run

    return make


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAMPLES", "LEARNED", "LEARNED_BESIDE"):
        monkeypatch.setattr(export_module, name, 40)


def test_parity_is_proved_on_a_thousand_observations_of_each_kind() -> None:
    assert export_module.SAMPLES >= 1000
    assert TOLERANCE <= 1e-5


@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize("algorithm", CONFIGS)
def test_the_bundle_acts_as_sb3_does(make_run: Any, tmp_path: Path, algorithm: str) -> None:
    run = make_run(algorithm)
    parity = export(run, tmp_path / "bundle")
    assert 0.0 <= parity.greatest <= TOLERANCE
    cell = load(CellConfig, "cells", "pick_place")
    bundle, model = load_bundle(tmp_path / "bundle", cell), load_model(run)
    observations = np.random.default_rng(9).uniform(-BOUNDS, BOUNDS, (300, len(BOUNDS))).astype(np.float32)
    ours = np.array([bundle.policy.act(observation) for observation in observations])
    theirs, _ = model.predict(observations, deterministic=True)
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)
    assert (np.abs(theirs) > 0.99).any()  # where squashing or clipping acts
    assert (np.abs(theirs) < 0.9).any()
    assert bundle.manifest.parity == {"recorded": parity.recorded, "random": parity.random}
    assert bundle.manifest.name == CONFIGS[algorithm]
    assert bundle.contract.cell == "pick_place"


@pytest.mark.usefixtures("few_samples")
def test_the_same_run_gives_the_same_bytes_and_none_of_this_machine(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    export(run, tmp_path / "first")
    export(run, tmp_path / "second")
    for name in SIZE_CAPS:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    graph = onnx.load_model(tmp_path / "first" / POLICY)
    assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)
    assert b"site-packages" not in (tmp_path / "first" / POLICY).read_bytes()
    assert [opset.version for opset in graph.opset_import] == [18]


@pytest.mark.usefixtures("few_samples")
def test_the_training_envelope_is_that_of_every_cell_of_the_training(make_run: Any, tmp_path: Path) -> None:
    envelopes = []
    for also in ([], ["conveyor_pick"]):
        run = make_run()
        config = {**load(TrainingConfig, "agents", "pick_place").model_dump(), "also": also}
        (run / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        export(run, tmp_path / f"bundle{len(also)}")
        envelopes.append(load_bundle(tmp_path / f"bundle{len(also)}").contract.training_envelope)
        run.rename(tmp_path / f"done{len(also)}")
    alone, both = envelopes
    assert (np.array(both.lower) <= alone.lower).all()
    assert (np.array(both.upper) >= alone.upper).all()
    assert (np.array(both.upper) > alone.upper).any()


@pytest.mark.usefixtures("few_samples")
def test_the_runs_evaluation_travels_along(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    evaluation = {"success": {"rate": 0.98, "low": 0.96, "high": 0.99, "n": 500}, "command": "robocell evaluate"}
    write_json(run / EVALUATION, evaluation)
    export(run, tmp_path / "bundle")
    assert read_json(tmp_path / "bundle" / EVALUATION, "") == evaluation
    assert "0.9800, 95 % interval 0.9600 to 0.9900" in (tmp_path / "bundle" / CARD).read_text()


def test_exports_side_by_side_leave_warnings_and_loggers_as_they_were(env: PickPlaceEnv) -> None:
    def settings() -> Any:
        return list(warnings.filters), logging.getLogger("torch.onnx").level

    model, before = untrained("ppo", env), settings()
    with ThreadPoolExecutor(3) as pool:
        graphs = list(pool.map(policy_graph, [model] * 3))
    assert settings() == before
    assert graphs == [graphs[0]] * 3


@pytest.mark.usefixtures("few_samples")
def test_too_great_a_difference_leaves_nothing(make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    other = policy_graph(untrained("sac", PickPlaceEnv()))
    monkeypatch.setattr(export_module, "policy_graph", lambda model: other)
    with pytest.raises(InputError, match=r"ONNX Runtime's actions differ from SB3's by .*expected 1e-05 at most"):
        export(run, tmp_path / "out" / "bundle")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("few_samples")
def test_a_name_can_be_chosen_and_has_to_be_where_the_run_has_none(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    about = read_json(run / "run.json", "")
    write_json(run / "run.json", {key: value for key, value in about.items() if key != "config"})
    with pytest.raises(InputError, match=r"run\.json: config: missing; expected .*--name"):
        export(run, tmp_path / "bundle")
    export(run, tmp_path / "bundle", policy_name="line-7")
    assert load_bundle(tmp_path / "bundle").manifest.name == "line-7"


def test_an_unfinished_training_is_refused(make_run: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="training is 'running'"):
        export(make_run(status="running"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_no_bundle_is_overwritten(make_run: Any, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    with pytest.raises(InputError, match="exists already"):
        export(make_run(), tmp_path / "bundle")


def test_a_policy_for_goals_is_refused() -> None:
    env = PickPlaceGoalEnv()
    assert isinstance(env.observation_space, spaces.Dict)
    with pytest.raises(InputError, match="expected one of RobotCell/PickPlace-v0"):
        policy_graph(untrained("sac", env, "MultiInputPolicy"))
    env.close()
