from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fault_cells import cell_with, event

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, merged
from robocell_controller.contract import JOINTS, JointCommand, Segment
from robocell_controller.errors import InputError
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import ConveyorPickEnv
from robocell_envs.plant.simulated import SimulatedPlant

CELL = load(CellConfig, "cells", "conveyor_pick")
STILL = np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32)


@pytest.fixture
def env():
    env = ConveyorPickEnv()
    yield env
    env.close()


def _begin(env, **changes):
    """An episode whose belt has the given numbers; the part begins at rest."""
    scenario = env.plant.draw(3)
    env.begin(replace(scenario, belt=replace(scenario.belt, **changes)))
    return scenario


def _speeds(env, periods):
    return [(env.step(STILL), env.plant.truth.part_speed)[1] for _ in range(periods)]


def test_the_hand_stays_off_the_belt_while_it_takes_on_the_parts_speed(env):
    law = PickPlaceProgram(load_program_config("guided"), CELL.motion, CELL.rates, CELL.load_robot().gripper)
    world, over = env.plant.world, False
    env.reset(seed=2_000_113)  # a part at the edge of reach, met from far off to the side
    while not over and not env.view.holding:
        _, _, terminated, truncated, _ = env.step(law.act(env.view).astype(np.float32))
        over = terminated or truncated
        assert not world.client.getContactPoints(world.arm, world.belt.body)
    assert env.view.holding


def test_friction_takes_a_part_to_the_speed_of_the_belt(env):
    _begin(env, speed=0.15, friction=0.3)
    start = env.plant.truth.part_position.copy()
    speeds = _speeds(env, 20)
    tick = CELL.rates.tick  # the part touches the belt from the second tick on
    assert speeds[0] == pytest.approx(0.3 * 9.81 * (0.04 - tick), rel=0.02)  # slipping: accelerated by friction alone
    assert speeds[-1] == pytest.approx(0.15, rel=0.01)
    moved = env.plant.truth.part_position - start
    assert moved[1] == pytest.approx(0.15 * (0.8 - tick - 0.15 / (2 * 0.3 * 9.81)), rel=0.02)
    assert abs(moved[0]) < 0.001 and abs(moved[2]) < 0.001


def test_the_encoder_tells_how_far_the_belt_has_gone(env):
    _begin(env, speed=0.12)
    _speeds(env, 10)
    assert env.plant.read().belt_travel == pytest.approx(0.12 * 0.4)
    np.testing.assert_allclose(env.view.part_velocity, [0.0, 0.12, 0.0], atol=1e-9)
    np.testing.assert_allclose(env.view.part_position, env.plant.truth.part_position, atol=0.004)


def test_a_part_that_rides_is_looked_at_again_when_something_near_may_have_pushed_it(env):
    _begin(env, speed=0.15, friction=0.4)
    _speeds(env, 10)
    world, tick = env.plant.world, CELL.rates.tick
    for near, expected in ((False, 0.10), (True, 0.10 + 0.4 * 9.81 * tick)):
        world.client.resetBaseVelocity(world.part, [0.0, 0.10, 0.0])
        world.near = near
        world.belt.drive(tick, world.near)
        world.client.stepSimulation()
        assert world.client.getBaseVelocity(world.part)[0][1] == pytest.approx(expected, rel=0.02)


def test_a_halted_belt_ramps_down_and_up_again_and_its_parts_do_not_slide(env):
    _begin(env, speed=0.15, acceleration=0.5, friction=0.4)
    _speeds(env, 10)
    belt, world = env.plant.world.belt, env.plant.world
    for halted, end in ((True, 0.0), (False, 0.15)):
        world.halt_belt(halted)
        travel, start, speeds = belt.travel, env.plant.truth.part_position[1], []
        while not speeds or abs(speeds[-1] - end) > 1e-6:
            speeds += _speeds(env, 1)
            assert len(speeds) <= 8  # 0.15 / 0.5 s are seven and a half policy periods
            gone = env.plant.truth.part_position[1] - start
            assert gone == pytest.approx(belt.travel - travel, abs=2e-4)
        assert len(speeds) == 8
        assert belt.travel - travel == pytest.approx(0.15**2 / (2 * 0.5) + 0.02 * end, rel=0.05)


def test_a_belt_that_begins_to_slip_slows_down_by_degrees():
    plant = SimulatedPlant(cell_with(events=[event(0.8, belt_speed_share=[0.5, 0.5])], name="conveyor_pick"))
    plant.load(plant.draw(3))
    rest, speeds = plant.read(), []
    for _ in range(40 * CELL.rates.ticks):
        plant.write(JointCommand(rest.q, np.zeros(JOINTS), 1.0))
        speeds.append(plant.truth.part_speed)
    plant.close()
    lost = plant.scenario.belt.speed / 2
    assert speeds[99] == pytest.approx(2 * lost, rel=0.01) and speeds[-1] == pytest.approx(lost, rel=0.01)
    assert speeds[109] == pytest.approx(2 * lost - 0.5 * 0.08, abs=0.003)  # two periods at 0.5 m/s²


def test_the_encoder_counts_on_when_the_next_part_comes(env):
    plant = env.plant
    plant.load(plant.draw(3))
    plant.play(Segment(np.tile(plant.read().q, (5, 1)), np.zeros((5, JOINTS)), 1.0))
    before = plant.read()
    plant.present()
    now = plant.read()
    assert now.cycle == before.cycle + 1 and now.belt_travel == before.belt_travel > 0.0


def test_a_part_that_nobody_takes_is_missed(env):
    _begin(env, speed=0.2)
    for _ in range(CELL.steps_per_cycle):
        _, _, terminated, truncated, info = env.step(STILL)
        if terminated or truncated:
            break
    assert terminated and info["cycle"]["failure"] == "missed" and not info["is_success"]


@pytest.mark.parametrize("seed", range(4))
def test_the_guided_program_picks_from_the_moving_belt(env, seed):
    law = PickPlaceProgram(load_program_config("guided"), CELL.motion, CELL.rates, CELL.load_robot().gripper)
    env.reset(seed=seed)
    speed, over = env.plant.scenario.belt.speed, False
    while not over:
        _, _, terminated, truncated, info = env.step(law.act(env.view).astype(np.float32))
        over = terminated or truncated
    assert info["is_success"] and env.plant.world.belt.speed == speed > 0.0  # by timing, not by stopping the belt


def test_a_belt_needs_a_place_and_a_speed():
    cell = CELL.model_copy(update={"belt": None})
    with pytest.raises(InputError, match="belt"):
        ConveyorPickEnv(cell)
    content = merged(CELL.model_dump(), {"simulation": {"belt": None}})
    with pytest.raises(InputError, match="belt"):
        ConveyorPickEnv(CellConfig.model_validate(content))
