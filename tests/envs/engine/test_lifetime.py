from __future__ import annotations

import copy
import gc
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError

from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv
from robocell_envs.production_env import KittingEnv

IDLE = np.zeros(5, dtype=np.float32)
KINDS = pytest.mark.parametrize("kind", [PickPlaceEnv, PickPlaceGoalEnv, KittingEnv])


@pytest.fixture
def newer():
    """Makes a newer environment; what older ones do may not change it."""
    made = []

    def make():
        env = PickPlaceEnv()
        env.reset(seed=0)
        made.append((env, env.plant.world.truth()))
        return env

    yield make
    for env, before in made:
        np.testing.assert_array_equal(env.plant.world.truth().joints, before.joints)
        env.close()


def _cell_env(env: gymnasium.Env) -> PickPlaceEnv:
    return getattr(env.unwrapped, "cell_env", env.unwrapped)


@KINDS
def test_a_closed_environment_refuses_all_but_to_be_closed_again(kind, newer):
    env = kind(render_mode="rgb_array")
    env.reset(seed=0)
    inner = _cell_env(env)
    plant, world, scenario = inner.plant, inner.plant.world, inner.plant.scenario
    segment, number = inner.path.command(IDLE).segment, world._client
    env.close()
    assert newer().plant.world._client == number
    uses = [
        lambda: env.step(IDLE),
        lambda: env.reset(seed=0),
        lambda: env.render(),
        lambda: inner.begin(scenario),
        lambda: inner.plant.read(),
        lambda: plant.read(),
        lambda: plant.play(segment),
        lambda: plant.present(),
        lambda: plant.outcome(),
        lambda: world.truth(),
        lambda: world.gripper.drive(1.0, True),
        lambda: world.follow(segment.q, segment.dq, 1.0),
    ]
    for use in uses:
        with pytest.raises(ClosedEnvironmentError, match=r"of a closed .*; expected a new one"):
            use()
    for thing in (env, inner, plant, world):
        thing.close()
    assert plant.scenario is scenario and plant.time == 0.0  # what it knew


def test_an_environment_closed_before_its_first_reset_says_so():
    env = PickPlaceEnv()
    env.close()
    with pytest.raises(ClosedEnvironmentError):
        env.step(IDLE)


def test_what_is_collected_as_garbage_leaves_newer_environments_alone(newer):
    closed, forgotten = PickPlaceEnv(), PickPlaceEnv()
    forgotten.reset(seed=0)
    closed.close()
    first = newer()
    del closed, forgotten
    gc.collect()
    newer()
    first.plant.world.truth()


@KINDS
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_environments_and_plants_are_neither_copied_nor_pickled(kind, duplicate):
    env = kind()
    for thing in (env, _cell_env(env).plant):
        with pytest.raises(TypeError, match=r"can't be copied or pickled, .* made with the same arguments"):
            duplicate(thing)
    env.reset(seed=0)
    env.close()
