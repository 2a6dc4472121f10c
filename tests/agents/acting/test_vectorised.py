"""Vectorised environments pass the same trajectories as a single one, and keep the last observation of an episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from robocell_agents.acting.grouped_vec_env import GroupedVecEnv
from robocell_controller.path.programs import PickPlaceProgram, load_program_config

# With the module in front, a process that has not imported it yet finds the environment too.
CELLS = ("robocell_envs:RobotCell/PickPlace-v0", "robocell_envs:RobotCell/ConveyorPick-v0")
SEEDS = (7, 8, 9)
STEPS = 130  # more than the time limit: each environment begins a second episode

VECTORISED: dict[str, Callable[[list[partial[gymnasium.Env]]], VecEnv]] = {
    "dummy": DummyVecEnv,
    "subproc": partial(SubprocVecEnv, start_method="forkserver"),
    "subproc, spawn": partial(SubprocVecEnv, start_method="spawn"),
    "grouped": partial(GroupedVecEnv, workers=2),
}


@dataclass
class Alone:
    """What single environments did: one row for each step, one column for each of ``SEEDS``."""

    first: np.ndarray
    observations: np.ndarray  # after the reset, where an episode ended
    final: np.ndarray  # before it
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


@cache
def _actions(cell: str) -> np.ndarray:
    """[STEPS, 5]: with these the first environment picks and places its part; the others do something else."""
    env = gymnasium.make(cell)
    inner = env.unwrapped
    law = PickPlaceProgram(
        load_program_config("guided"), inner.cell.motion, inner.cell.rates, inner.cell.load_robot().gripper
    )
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (STEPS, 5)).astype(np.float32)
    env.reset(seed=SEEDS[0])
    over, step = False, 0
    while not over:
        actions[step] = law.act(inner.view)
        _, _, over, truncated, info = env.step(actions[step])
        step += 1
    assert info["is_success"] and not truncated
    env.close()
    return actions


@cache
def _alone(cell: str) -> Alone:
    runs = [_run_alone(cell, seed) for seed in SEEDS]
    first, *rest = zip(*runs, strict=True)
    return Alone(np.stack(first), *(np.stack(column, axis=1) for column in rest))


def _run_alone(cell: str, seed: int) -> tuple[np.ndarray, ...]:
    env = gymnasium.make(cell)
    first, _ = env.reset(seed=seed)
    rows = []
    for action in _actions(cell):
        final, reward, terminated, truncated, _ = env.step(action)
        observation = env.reset()[0] if terminated or truncated else final
        rows.append((observation, final, reward, terminated, truncated))
    env.close()
    return (first, *(np.array(column) for column in zip(*rows, strict=True)))


@pytest.mark.parametrize("cell", CELLS)
def test_an_episode_ends_in_each_environment(cell):
    alone = _alone(cell)
    assert alone.terminated[:, 0].any()
    assert (alone.terminated | alone.truncated).any(axis=0).all()
    assert (alone.final != alone.observations).any(axis=(0, 2)).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", VECTORISED)
def test_in_stable_baselines(kind, cell):
    alone = _alone(cell)
    env = VECTORISED[kind]([partial(gymnasium.make, cell)] * len(SEEDS))
    env.seed(SEEDS[0])
    np.testing.assert_array_equal(env.reset(), alone.first)
    for step, action in enumerate(_actions(cell)):
        observations, rewards, dones, infos = env.step(np.tile(action, (len(SEEDS), 1)))
        np.testing.assert_array_equal(observations, alone.observations[step])
        np.testing.assert_array_equal(np.float32(rewards), np.float32(alone.rewards[step]))  # some round it
        np.testing.assert_array_equal(dones, alone.terminated[step] | alone.truncated[step])
        for index in np.flatnonzero(dones):
            np.testing.assert_array_equal(infos[index]["terminal_observation"], alone.final[step, index])
            assert infos[index]["TimeLimit.truncated"] == alone.truncated[step, index]
    env.close()


def _made(cell: str, mode: str, autoreset: AutoresetMode) -> gymnasium.vector.VectorEnv:
    keywords = {"autoreset_mode": autoreset, **({"context": "forkserver"} if mode == "async" else {})}
    return gymnasium.make_vec(cell, len(SEEDS), mode, vector_kwargs=keywords)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_in_gymnasium_with_a_reset_in_the_same_step(mode, cell):
    alone = _alone(cell)
    env = _made(cell, mode, AutoresetMode.SAME_STEP)
    np.testing.assert_array_equal(env.reset(seed=list(SEEDS))[0], alone.first)
    for step, action in enumerate(_actions(cell)):
        observations, rewards, terminated, truncated, infos = env.step(np.tile(action, (len(SEEDS), 1)))
        np.testing.assert_array_equal(observations, alone.observations[step])
        np.testing.assert_array_equal(rewards, alone.rewards[step])
        np.testing.assert_array_equal(terminated, alone.terminated[step])
        np.testing.assert_array_equal(truncated, alone.truncated[step])
        for index in np.flatnonzero(terminated | truncated):
            np.testing.assert_array_equal(infos["final_obs"][index], alone.final[step, index])
    env.close()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_in_gymnasium_with_a_reset_in_the_next_step(mode, cell):
    alone = _alone(cell)
    env = _made(cell, mode, AutoresetMode.NEXT_STEP)
    env.reset(seed=list(SEEDS))
    ended = np.full(len(SEEDS), STEPS)  # in which step
    for step, action in enumerate(_actions(cell)):
        observations, _, terminated, truncated, _ = env.step(np.tile(action, (len(SEEDS), 1)))
        running, fresh = ended == STEPS, ended == step - 1
        np.testing.assert_array_equal(observations[running], alone.final[step, running])
        np.testing.assert_array_equal(observations[fresh], alone.observations[step - 1, fresh])
        ended[running & (terminated | truncated)] = step
    assert ended.max() < STEPS - 1
    env.close()
