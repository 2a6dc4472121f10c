from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_envs.config.simulation import simulation_config
from robocell_envs.engine.world import Truth
from robocell_envs.scene.scenario import draw
from robocell_envs.tasks import pick_place as task
from robocell_envs.tasks.pick_place import Measures

SIMULATION = simulation_config(load(CellConfig, "cells", "pick_place"))
TASK = SIMULATION.task
SCENARIO = draw(SIMULATION, 3)
PLACED = Measures(
    reach=0.05,
    error=(0.0, 0.0, 0.0),
    yaw_error=0.0,
    tilt=0.0,
    speed=0.0,
    held=False,
    raised=False,
    clear=0.05,
    off_table=False,
    impact=0.0,
    press=0.0,
    crushed=False,
    missed=False,
)
IN_HAND = replace(PLACED, held=True, raised=True, clear=-0.02, error=(0.1, 0.0, 0.1))
NOTHING = task.Spent(0.0, 0.0, 0.0)


def _truth(position: np.ndarray, yaw: float = 0.0, effort: float = 0.0, impact: float = 0.0) -> Truth:
    return Truth(
        joints=np.zeros(21),
        gripper_width=0.04,
        gripper_effort=effort,
        part_position=position,
        part_yaw=yaw,
        part_tilt=0.0,
        part_speed=0.0,
        part_force=effort,
        impact=impact,
        press=0.0,
        belt_travel=0.0,
    )


def test_measure_of_a_part_in_its_slot():
    place = task.place_position(SCENARIO)
    now = task.measure(SCENARIO, _truth(place, SCENARIO.slot_yaw + np.pi / 2), place + np.array([0.0, 0.0, 0.1]))
    assert now.error == pytest.approx((0.0, 0.0, 0.0))
    assert now.yaw_error == pytest.approx(0.0, abs=1e-9)  # a square part looks the same after a quarter turn
    assert now.reach == pytest.approx(0.1)
    assert now.clear == pytest.approx(0.1 - SCENARIO.part.height / 2)
    assert not (now.held or now.raised or now.off_table)
    assert task.success(TASK, now)


def test_measure_sees_yaw_error_lift_grip_and_fall():
    place = task.place_position(SCENARIO)
    turned = task.measure(SCENARIO, _truth(place, SCENARIO.slot_yaw + 0.3), place)
    lifted = task.measure(SCENARIO, _truth(place + np.array([0.0, 0.0, 0.05]), effort=20.0), place)
    fallen = task.measure(SCENARIO, _truth(place - np.array([0.0, 0.0, 0.5])), place)
    assert turned.yaw_error == pytest.approx(0.3)
    assert lifted.raised and lifted.held and lifted.distance == pytest.approx(0.05)
    assert fallen.off_table


@pytest.mark.parametrize(
    "fault",
    [
        {"error": np.array([1.01 * TASK.place_tolerance_m, 0.0, 0.0])},
        {"error": (0.0, 0.0, 0.01)},
        {"yaw_error": 1.01 * TASK.yaw_tolerance_rad},
        {"tilt": 1.01 * TASK.tilt_tolerance_rad},
        {"speed": 1.01 * TASK.rest_speed_m_s},
        {"held": True},
        {"clear": 0.99 * TASK.clearance_m},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_success_needs_every_condition(fault):
    assert task.success(TASK, PLACED)
    assert not task.success(TASK, replace(PLACED, **fault))


def test_a_cycle_ends_placed_fallen_or_in_a_collision():
    assert task.outcome(TASK, PLACED) == "placed"
    assert task.outcome(TASK, IN_HAND) is None
    assert task.outcome(TASK, replace(PLACED, off_table=True)) == "off_table"
    assert task.outcome(TASK, replace(PLACED, impact=1.01 * TASK.impact_limit_n)) == "collision"
    assert task.outcome(TASK, replace(PLACED, press=1.01 * TASK.press_limit_n)) == "collision"
    assert task.outcome(TASK, replace(IN_HAND, crushed=True)) == "crushed"


def test_dropped_is_losing_a_part_in_the_air():
    fallen = replace(IN_HAND, held=False)
    assert task.dropped(IN_HAND, fallen)
    assert not task.dropped(IN_HAND, IN_HAND)
    assert not task.dropped(replace(IN_HAND, raised=False), fallen)  # pushed, not carried
    assert not task.dropped(IN_HAND, replace(fallen, raised=False))  # set down


@pytest.mark.parametrize(
    ("now", "lifted", "drops", "expected"),
    [
        (replace(IN_HAND, off_table=True), True, 0, "off_table"),
        (replace(PLACED, impact=1.01 * TASK.impact_limit_n), True, 0, "collision"),
        (IN_HAND, True, 1, "still_held"),
        (replace(PLACED, error=(0.1, 0.0, 0.0)), True, 1, "dropped"),
        (replace(PLACED, error=(0.1, 0.0, 0.0)), False, 0, "not_picked"),
        (replace(PLACED, error=(0.1, 0.0, 0.0)), True, 0, "misplaced"),
        (replace(PLACED, clear=0.0), True, 0, "hand_not_clear"),
    ],
)
def test_failure_classes(now, lifted, drops, expected):
    assert task.failure_class(TASK, now, lifted, drops) == expected


def test_reward_terms_have_their_names_and_weights():
    near = replace(IN_HAND, reach=0.02, error=(0.0, 0.0, 0.1))
    far = replace(near, reach=0.05, error=(0.0, 0.0, 0.4), held=False, raised=False)
    weights = TASK.reward
    terms = task.reward_terms(TASK, far, near, "placed", task.Spent(0.04, energy=3.0, force=2.0))
    assert tuple(terms) == task.TERMS
    assert terms["reach"] == pytest.approx(weights.reach_per_m * 0.03)
    assert terms["place"] == pytest.approx(weights.place_per_m * 0.3)
    assert terms["grip"] == weights.grip
    assert terms["success"] == weights.success
    assert terms["drop"] == terms["failure"] == 0.0
    assert terms["time"] == pytest.approx(weights.time_per_s * 0.04)
    assert terms["energy"] == pytest.approx(weights.energy_per_j * 3.0)
    assert terms["force"] == pytest.approx(weights.force_per_n * 2.0)


def test_only_a_placed_part_is_asked_for_precision():
    off = replace(PLACED, error=(0.6 * TASK.place_tolerance_m, 0.0, 0.0), yaw_error=0.8 * TASK.yaw_tolerance_rad)
    for ended, expected in (("placed", 0.36 + 0.64), ("collision", 0.0), (None, 0.0)):
        terms = task.reward_terms(TASK, IN_HAND, off, ended, NOTHING)
        assert terms["precision"] == pytest.approx(TASK.reward.precision * expected)
    assert task.imprecision(TASK, replace(off, binned=True)) == 0.0


def test_a_failure_costs_and_an_open_cycle_does_not():
    for ended, expected in (("collision", TASK.reward.failure), ("missed", TASK.reward.failure), (None, 0.0)):
        terms = task.reward_terms(TASK, IN_HAND, IN_HAND, ended, NOTHING)
        assert terms["failure"] == expected and terms["success"] == 0.0


def test_going_round_in_circles_earns_nothing():
    loop = [PLACED, IN_HAND, replace(IN_HAND, reach=0.3, error=(0.3, 0.1, 0.0)), PLACED]
    earned = [task.reward_terms(TASK, before, now, None, NOTHING) for before, now in pairwise(loop)]
    for name in ("reach", "place", "grip"):
        assert sum(terms[name] for terms in earned) == pytest.approx(0.0, abs=1e-12)
