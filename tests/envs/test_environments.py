from __future__ import annotations

import hashlib
import multiprocessing
import re
import warnings
from functools import cache

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import ConveyorPickEnv, PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv
from robocell_envs.tasks import pick_place as task

ENVIRONMENTS = ("RobotCell/PickPlace-v0", "RobotCell/ConveyorPick-v0", "RobotCell/PickPlaceGoal-v0")
CELLS = pytest.mark.parametrize("kind", [PickPlaceEnv, ConveyorPickEnv])


def _episode(env: PickPlaceEnv, seed: int) -> str:
    """Digest of every bit of the observations of an episode in which the part is gripped, moved and placed."""
    law = PickPlaceProgram(
        load_program_config("guided"), env.cell.motion, env.cell.rates, env.cell.load_robot().gripper
    )
    digest = hashlib.sha256()
    observation, _ = env.reset(seed=seed)
    over, lifted = False, False
    while not over:
        digest.update(observation.tobytes())
        observation, reward, terminated, truncated, _ = env.step(law.act(env.view).astype(np.float32))
        digest.update(np.float64(reward).tobytes())
        lifted |= env.plant.record.lifted
        over = terminated or truncated
    assert lifted  # or the digest says nothing about contact
    return digest.hexdigest()


def _fresh_episode(kind: type[PickPlaceEnv], seed: int, visual: bool = False) -> str:
    env = kind(render_mode="rgb_array" if visual else None)
    digest = _episode(env, seed)
    env.close()
    return digest


@cache
def _reference(kind: type[PickPlaceEnv], seed: int) -> str:
    return _fresh_episode(kind, seed)


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("check", [check_env, sb3_check_env])
def test_checkers_pass_without_warnings(name, check):
    env = gymnasium.make(name).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        check(env, skip_render_check=True)  # of all modes, and "human" needs a display
    env.close()


@CELLS
def test_same_seed_same_trajectory_over_20_resets(kind):
    env = kind()
    digests = {_episode(env, seed=5) for _ in range(20)}
    env.close()
    assert digests == {_reference(kind, 5)}


@CELLS
def test_same_seed_same_trajectory_after_other_episodes(kind):
    env = kind()
    others = {_episode(env, seed) for seed in (6, 7)}
    assert _reference(kind, 5) not in others and len(others) == 2
    assert _episode(env, 5) == _reference(kind, 5)
    env.close()


@CELLS
def test_same_seed_same_trajectory_in_another_process(kind):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_fresh_episode, (kind, 5)) == _reference(kind, 5)


@CELLS
def test_visual_shapes_change_nothing(kind):
    assert _fresh_episode(kind, 5, visual=True) == _reference(kind, 5)


def test_a_reward_term_that_is_no_number_is_named_with_seed_and_step(monkeypatch):
    env = PickPlaceEnv()
    env.reset(seed=3)
    env.step(np.zeros(5, dtype=np.float32))
    monkeypatch.setattr(task, "imprecision", lambda *_: np.nan)
    monkeypatch.setattr(env.plant, "outcome", lambda: task.PLACED)
    with pytest.raises(FloatingPointError, match=r"step 2: reward term precision is nan; expected finite"):
        env.step(np.zeros(5, dtype=np.float32))
    env.close()


def test_an_observation_that_is_no_number_is_named_with_the_seed_to_draw_it_again(monkeypatch):
    env = PickPlaceEnv()
    broken = np.zeros(33, dtype=np.float32)
    broken[[25, 31]] = np.nan, np.inf
    monkeypatch.setattr(env.path, "observation", lambda view: broken)
    with pytest.raises(
        FloatingPointError, match="observation gripper_effort is nan, observation lift_force is inf"
    ) as e:
        env.reset(seed=3)
    monkeypatch.undo()
    drawn = int(re.search(r"scenario seed (\d+), step 0", str(e.value))[1])
    again = env.begin(env.plant.draw(drawn))
    np.testing.assert_array_equal(again, env.reset(seed=3)[0])
    env.close()


def test_render_shows_the_cell():
    env = PickPlaceEnv(render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    env.close()
    assert picture.dtype == np.uint8 and picture.shape == (360, 480, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000


@pytest.fixture
def goal_env():
    env = PickPlaceGoalEnv()
    yield env
    env.close()


def _play_goal(env: PickPlaceGoalEnv, seed: int):
    inner = env.cell_env
    law = PickPlaceProgram(
        load_program_config("guided"), inner.cell.motion, inner.cell.rates, inner.cell.load_robot().gripper
    )
    env.reset(seed=seed)
    steps = []
    while not steps or not steps[-1][3]:
        steps.append(env.step(law.act(inner.view).astype(np.float32)))
    return steps


def test_goal_reward_is_computed_from_the_goals_alone(goal_env):
    steps = _play_goal(goal_env, 5)
    achieved, desired = (np.stack([step[0][key] for step in steps]) for key in ("achieved_goal", "desired_goal"))
    batch = goal_env.compute_reward(achieved, desired, [{}] * len(steps))
    assert batch.shape == (len(steps),)
    assert batch.tolist() == [step[1] for step in steps]
    assert set(batch.tolist()) == {0.0, -1.0}
    assert goal_env.compute_reward(achieved, achieved, {}).tolist() == [0.0] * len(steps)


def test_goal_env_truncates_and_never_terminates(goal_env):
    steps = _play_goal(goal_env, 5)
    assert not any(step[2] for step in steps)
    assert steps[-1][4]["is_placed"] and steps[-1][4]["is_success"]
    assert not steps[0][4]["is_success"]


def test_her_learns_on_the_goal_env(goal_env):
    torch.set_num_threads(1)
    model = SAC(
        "MultiInputPolicy",
        goal_env,
        replay_buffer_class=HerReplayBuffer,
        learning_starts=150,  # above the 125 steps of the longest episode, or HER has no whole one to sample from
        batch_size=32,
        policy_kwargs={"net_arch": [16]},
        seed=0,
    )
    model.learn(300)
    sample = model.replay_buffer.sample(256)
    assert model._n_updates == 150
    assert sample.dones.max() == 0.0  # a timeout is no end
    assert sample.rewards.max() == 0.0  # hindsight: goals that were reached
    assert all(np.isfinite(weights.detach().numpy()).all() for weights in model.policy.parameters())
