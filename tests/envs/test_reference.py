from __future__ import annotations

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_envs import reference
from robocell_envs.cell_env import PickPlaceEnv

CELL = load(CellConfig, "cells", "pick_place")


@pytest.fixture(scope="module")
def env():
    env = PickPlaceEnv(CELL)
    yield env
    env.close()


def test_the_same_actions_in_the_same_world_end_the_same_way(env):
    first = reference.guided_cycle(env, 4)
    again = reference.replay(env, 4, first.actions)
    assert first.outcome == again.outcome == "placed"
    np.testing.assert_array_equal(first.part_position, again.part_position)
    assert 0.0 < first.penetration == again.penetration < 0.001


def test_the_reference_differs_in_its_physics_alone():
    fine = reference.reference_cell(CELL)
    assert fine.rates.physics_hz == 1000 and fine.simulation["solver_iterations"] == {"open": 200, "gripping": 200}
    assert (fine.robot, fine.motion, fine.rates.ticks) == (CELL.robot, CELL.motion, CELL.rates.ticks)
    assert fine.simulation["part"] == CELL.simulation["part"]


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_a_feasible_load_is_held_and_an_infeasible_one_slips(env, seed):
    assert reference.hold(env, seed, reference.draw_load(CELL, seed, feasible=True), 2.0) < 0.001
    assert reference.hold(env, seed, reference.draw_load(CELL, seed, feasible=False), 1.0) > 0.01


@pytest.mark.parametrize(("force", "mass"), [(36.0, 0.44), (45.0, 0.05), (70.0, 0.02), (70.0, 0.8)])
def test_a_part_does_not_wander_through_a_firm_hand(env, force, mass):
    assert reference.hold(env, 4, reference.Load(width=0.04, mass=mass, friction=0.6, force=force), 0.5) < 0.0005


@pytest.mark.parametrize("seed", range(20))
def test_loads_are_what_they_are_called(seed):
    gripper = CELL.load_robot().gripper
    for feasible in (True, False):
        load_ = reference.draw_load(CELL, seed, feasible)
        assert (load_.mass * (9.81 + 2.0) < 2 * load_.friction * gripper.pad_friction * load_.force) == feasible
        assert gripper.force_min_n <= load_.force <= gripper.force_max_n
        assert load_.mass <= 0.8 or not feasible


def test_accuracy_and_repeatability_as_in_the_standard():
    offsets = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, -2.0, 0.0]])
    accuracy, repeatability = reference.accuracy_and_repeatability(offsets + np.array([0.0, 0.0, 3.0]))
    assert accuracy == pytest.approx(3.0)
    assert repeatability == pytest.approx(1.5 + 3.0 * np.sqrt(1.0 / 3.0))


def test_the_arm_comes_to_rest_where_it_was_told(env):
    errors = reference.pose_errors(env, [np.array([0.4, -0.2, 0.1]), np.array([0.55, 0.2, 0.3])], 2)
    assert errors.shape == (2, 2, 3)
    assert np.abs(errors).max() < 0.001
