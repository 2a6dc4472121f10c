from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from gymnasium import spaces
from stable_baselines3 import PPO, SAC

from robocell_agents.acting.actors import load_actor
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv
from robocell_envs.production_env import KittingEnv

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def env():
    env = PickPlaceEnv()
    yield env
    env.close()


@pytest.fixture
def run(tmp_path, env):
    """Makes a run folder around a model."""

    def make(model, agent):
        from robocell_agents.acting.training_config import TrainingConfig
        from robocell_agents.pickles import note

        (tmp_path / "run.json").write_text(json.dumps({"status": "finished"}))
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(load(TrainingConfig, "agents", agent).model_dump()))
        (tmp_path / "cell.yaml").write_text(yaml.safe_dump(env.cell.model_dump()))
        model.save(tmp_path / "policy.zip")
        note(tmp_path / "policy.zip")
        return tmp_path

    return make


def test_run_acts_as_its_model_does(env, run):
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0)
    observation, _ = env.reset(seed=0)
    actor = load_actor(str(run(model, "pick_place")), env.cell)
    action = actor.act(env, observation)
    assert action.dtype == np.float32
    assert np.array_equal(action, model.predict(observation, deterministic=True)[0])


def test_goal_policy_is_given_its_goal(env, run):
    goal_env = PickPlaceGoalEnv(env.cell)
    model = SAC("MultiInputPolicy", goal_env, buffer_size=10, policy_kwargs={"net_arch": [16]}, seed=0)
    seen, _ = goal_env.reset(seed=0)
    observation, _ = env.reset(seed=0)
    action = load_actor(str(run(model, "sac_her")), env.cell).act(env, observation)
    goal_env.close()
    assert np.array_equal(action, model.predict(seen, deterministic=True)[0])


def test_run_of_a_cell_with_another_motion_is_refused_by_the_field_that_differs(env, run):
    folder = run(PPO("MlpPolicy", env, n_steps=8, batch_size=8), "pick_place")
    motion = env.cell.motion.model_copy(update={"tcp_speed_m_s": 0.5})
    with pytest.raises(
        InputError, match=r"cell\.yaml: motion\.tcp_speed_m_s: 1\.0; expected 0\.5, as this cell has it"
    ):
        load_actor(str(folder), env.cell.model_copy(update={"motion": motion}))


def test_policy_of_another_observation_is_refused(env, run):
    class Other(PickPlaceEnv):
        def __init__(self):
            super().__init__(env.cell)
            self.observation_space = spaces.Box(-1.0, 1.0, (7,), dtype=np.float32)

    other = Other()
    folder = run(PPO("MlpPolicy", other, n_steps=8, batch_size=8), "pick_place")
    other.close()
    with pytest.raises(InputError, match=r"policy\.zip: observation: shape \(7,\); expected \(33,\)"):
        load_actor(str(folder), env.cell)


def test_unfinished_run_is_refused(env, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"status": "interrupted"}))
    (tmp_path / "cell.yaml").write_text(yaml.safe_dump(env.cell.model_dump()))
    with pytest.raises(InputError, match="finished"):
        load_actor(str(tmp_path), env.cell)


def test_bundle_of_another_contract_is_refused_by_the_field_that_differs(env):
    motion = env.cell.motion.model_copy(update={"yaw_rate_rad_s": 1.0})
    other = env.cell.model_copy(update={"motion": motion})
    with pytest.raises(InputError, match=r"contract\.json: motion\.yaw_rate_rad_s: 2\.5; expected 1\.0, as this cell"):
        load_actor(str(ROOT / "results" / "policies" / "pick_place"), other)


def test_a_policy_that_has_learned_with_one_part_at_a_time_fills_a_kit() -> None:
    kitting = KittingEnv()
    actor = load_actor(str(ROOT / "results/policies/adaptive"), kitting.cell)
    observation, _ = kitting.reset(seed=1000010)
    over = False
    while not over:
        observation, _, terminated, truncated, info = kitting.step(actor.act(kitting, observation))
        over = terminated or truncated
    kitting.close()
    assert info["shift"]["failures"] == {} and info["shift"]["placed"] == 9
