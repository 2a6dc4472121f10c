"""A critic that sees the truth and an actor that does not: in training only, and not in what training leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
import yaml

import robocell_envs  # noqa: F401 - registers the environments
from robocell_agents.acting import run_folder
from robocell_agents.acting.actors import load_actor
from robocell_agents.acting.algorithms import algorithm_class, build, make_vec_env
from robocell_agents.acting.demonstrations import student_action
from robocell_agents.acting.policy_graph import policy_graph
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.training.cloning import mean_action, plain_layers
from robocell_agents.training.train import train
from robocell_agents.training.training import checkpoint
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, merged
from robocell_controller.errors import InputError
from robocell_controller.path.observer import FEATURES, OBSERVATION_SIZE
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.privileged import SIZE, PrivilegedEnv

SMALL: dict[str, Any] = {
    "extends": "pick_place",
    "also": ["conveyor_pick"],
    "privileged_critic": True,
    "unseen": ["lift_force", "part_age"],
    "hidden": [16, 8],
    "n_envs": 2,
    "subprocesses": False,
    "total_steps": 128,
    "critic_warmup_rollouts": 1,
    "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
    "demonstrations": {"episodes": 4},
    "cloning": {"steps": 20, "dagger_rounds": 1, "dagger_episodes": 2, "dagger_steps": 10},
    "evaluation": {"episodes": 2, "every_steps": 64, "finalists": 2, "final_episodes": 2},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asymmetric")
    (folder / "agent.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    assert train(str(folder / "agent.yaml"), 0, folder / "run", resume=False, workers=1) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def observations() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (50, OBSERVATION_SIZE)).astype(np.float32)


def test_the_truth_follows_the_observation() -> None:
    worn = {"simulation": {"faults": {"gripper_force_share": [0.5, 0.5]}}}
    cell = CellConfig.model_validate(merged(load(CellConfig, "cells", "conveyor_pick").model_dump(), worn))
    plain = gymnasium.make("RobotCell/PickPlace-v0", cell=cell)
    env = PrivilegedEnv(plain, cell=1, cells=3)
    seen, _ = env.reset(seed=4)
    assert env.observation_space.contains(seen) and seen.shape == (OBSERVATION_SIZE + SIZE + 3,)
    cell_env = plain.unwrapped
    assert isinstance(cell_env, PickPlaceEnv)
    assert (seen[:OBSERVATION_SIZE] == cell_env.path.observation(cell_env.view)).all()
    scenario, true = cell_env.plant.scenario, seen[OBSERVATION_SIZE:]
    assert scenario.belt is not None
    assert true[0] == pytest.approx(scenario.part.mass / 0.2) and true[5] == pytest.approx(scenario.belt.speed / 0.3)
    assert true[7] == 0.5 and true[8] == 1.0 and true[-3:].tolist() == [0.0, 1.0, 0.0]
    offset = cell_env.plant.truth.part_position - cell_env.view.part_position
    assert true[-8:-5] == pytest.approx(offset / 0.03, abs=1e-6) and np.abs(offset).max() > 0.0
    env.close()


def test_a_fault_that_sets_in_is_seen_at_once() -> None:
    event = {"at_s": [0.1, 0.1], "faults": {"actuation_delay_ms": [40.0, 40.0]}}
    content = merged(load(CellConfig, "cells", "pick_place").model_dump(), {"simulation": {"events": [event]}})
    env = PrivilegedEnv(gymnasium.make("RobotCell/PickPlace-v0", cell=CellConfig.model_validate(content)), 0, 1)
    env.reset(seed=0)
    delays = [env.step(np.zeros(5, dtype=np.float32))[0][OBSERVATION_SIZE + 24] for _ in range(5)]
    assert delays[0] == 0.0 and delays[-1] == 2.0
    env.close()


def test_the_critic_sees_the_truth_and_the_actor_does_not() -> None:
    content = load(TrainingConfig, "agents", "pick_place").model_dump()
    small = {key: value for key, value in SMALL.items() if key != "extends"}
    config = TrainingConfig.model_validate(merged(content, small))
    env = make_vec_env(config, training_cells(config), 0, 1)
    model = build(config, env, 0, "")
    seen = torch.as_tensor(np.concatenate([env.reset(), env.reset()]))
    other = seen.clone()
    other[:, OBSERVATION_SIZE:] += 1.0
    assert torch.equal(mean_action(model, seen), mean_action(model, other))
    assert not torch.allclose(model.policy.predict_values(seen), model.policy.predict_values(other))
    names = [feature.name for feature in FEATURES]
    blind = seen.clone()
    blind[:, [names.index(name) for name in config.unseen]] += 1.0
    assert torch.equal(mean_action(model, seen), mean_action(model, blind))
    student = [student_action(plain_layers(model), row.numpy()[:OBSERVATION_SIZE]) for row in seen]
    assert np.array(student) == pytest.approx(mean_action(model, seen).detach().numpy().clip(-1, 1), abs=1e-6)
    env.close()


def test_what_training_leaves_is_a_policy_on_the_plain_observation(run: Path, observations: np.ndarray) -> None:
    model = run_folder.load_model(run)
    graph = OnnxPolicy(run / "policy.onnx", policy_graph(model))
    expected = model.predict(observations, deterministic=True)[0]
    assert np.array([graph.act(row) for row in observations]) == pytest.approx(expected, abs=1e-5)
    assert np.array([student_action(plain_layers(model), row) for row in observations]) == pytest.approx(
        expected, abs=1e-5
    )
    env = PickPlaceEnv()
    observation, _ = env.reset(seed=0)
    action = load_actor(str(run), env.cell).act(env, observation)
    assert action == pytest.approx(model.predict(observation, deterministic=True)[0])
    env.close()


def test_a_stopped_training_keeps_its_critic(run: Path) -> None:
    config = run_folder.training_config(run)
    cells = training_cells(config)
    env = make_vec_env(config, cells, 0, 1)
    model, _, _ = checkpoint.restore(run, algorithm_class("ppo"), env)
    assert model.observation_space.shape == (OBSERVATION_SIZE + SIZE + len(cells),)
    env.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"unseen": ["colour"]}, "unseen entries of the observation"), ({"privileged_critic": 1}, "privileged_critic")],
)
def test_bad_configs_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump({**SMALL, **changes}), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        train(str(tmp_path / "agent.yaml"), 0, tmp_path / "run", resume=False)
