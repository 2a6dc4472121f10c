"""Environments spread over processes behave as SB3's own in one process."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from robocell_agents.acting.grouped_vec_env import GroupedVecEnv
from robocell_controller.errors import InputError, ProcessDied

MAKERS = [lambda: Monitor(gymnasium.make("robocell_envs:RobotCell/PickPlace-v0"))] * 3


@pytest.fixture(scope="module")
def grouped() -> Iterator[GroupedVecEnv]:
    env = GroupedVecEnv(MAKERS, workers=2)
    yield env
    env.close()


def test_steps_and_resets_are_those_of_one_process(grouped: GroupedVecEnv) -> None:
    alone = DummyVecEnv(MAKERS)
    assert grouped.seed(7) == alone.seed(7) == [7, 8, 9]
    np.testing.assert_array_equal(grouped.reset(), alone.reset())
    actions = np.random.default_rng(0)
    ended = 0
    for _ in range(130):  # over the time limit: the first observation of the next episode comes at once
        action = actions.uniform(-1, 1, (3, 5)).astype(np.float32)
        ours, theirs = grouped.step(action), alone.step(action)
        for mine, other in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
        for mine, other in zip(ours[3], theirs[3], strict=True):
            assert mine["reward_terms"] == other["reward_terms"]
            assert ("terminal_observation" in mine) == ("terminal_observation" in other)
            ended += "terminal_observation" in mine
    assert ended >= 3
    alone.close()


def test_each_environment_is_reached_by_its_index(grouped: GroupedVecEnv) -> None:
    grouped.seed(1)
    grouped.reset()
    states = grouped.env_method("random_state")
    assert grouped.env_method("random_state", indices=[2, 0]) == [states[2], states[0]]
    grouped.env_method("set_random_state", states[0], indices=2)
    assert grouped.env_method("random_state") == [states[0], states[1], states[0]]
    assert grouped.env_is_wrapped(Monitor) == [True] * 3


def test_an_error_in_a_worker_is_raised_here() -> None:
    with pytest.raises(gymnasium.error.NameNotFound):
        GroupedVecEnv([partial(gymnasium.make, "robocell_envs:RobotCell/Nothing-v0")], workers=1)


@pytest.mark.parametrize("asked", ["reset", "step"])
def test_a_process_that_is_killed_is_named(asked: str) -> None:
    env = GroupedVecEnv(MAKERS, workers=2)
    env.reset()
    if asked == "step":
        env.step_async(np.zeros((3, 5), np.float32))
    other = max(multiprocessing.active_children(), key=lambda process: process.pid or 0)  # the newest
    other.kill()
    other.join()
    with pytest.raises(ProcessDied, match="of the environments: killed by SIGKILL, as the system does when memory"):
        for _ in range(2):  # an answer may have come through before
            env.step_wait() if asked == "step" else env.reset()
    env.close()


def test_wrong_actions_are_refused_wherever_their_environment_is_and_all_are_once_it_is_closed() -> None:
    env = GroupedVecEnv(MAKERS, workers=2)
    env.reset()
    actions = np.zeros((3, 5), np.float32)
    actions[2] = np.nan  # of an environment in the other process
    with pytest.raises(FloatingPointError, match=r"action tcp_dx is nan"):
        env.step(actions)
    with pytest.raises(InputError, match=r"action: shape \(4,\)"):
        env.step(np.zeros((3, 4), np.float32))
    env.close()
    for use in (env.reset, lambda: env.step(np.zeros((3, 5), np.float32))):
        with pytest.raises(ClosedEnvironmentError):
            use()
    env.close()
