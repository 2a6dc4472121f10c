"""How cycles end badly: a hand that presses on what it is not there to grip has collided, and time runs out."""

from __future__ import annotations

import numpy as np

from robocell_controller.contract import JOINTS, Segment
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv


def test_a_hand_that_is_driven_into_the_table_collides() -> None:
    env = PickPlaceEnv()
    env.reset(seed=1)
    scenario = env.plant.scenario
    beside = scenario.part_position + np.array([0.0, 0.06, 0.0])  # the fingers pass the part by
    beside[2] = 0.003  # the finger tips, 9 mm below the TCP, are in the table
    env.plant.world.expect_hand(near=True)
    q = env.path.kinematics.inverse(beside, 0.0)
    ticks = env.cell.rates.ticks
    for share in np.linspace(0.0, 1.0, 20):
        target = (1.0 - share) * env.path.setpoint.q + share * q
        env.plant.world.follow(np.tile(target, (ticks, 1)), np.zeros((ticks, JOINTS)), 0.0)
    assert env.plant.world.press > env.plant.config.task.press_limit_n
    still = Segment(np.tile(q, (ticks, 1)), np.zeros((ticks, JOINTS)), 0.0)
    env.plant.play(still)
    assert env.plant.outcome() == "collision"
    env.close()


def test_a_sound_cycle_presses_on_nothing_but_the_part() -> None:
    env = PickPlaceEnv()
    law = PickPlaceProgram(
        load_program_config("guided"), env.cell.motion, env.cell.rates, env.cell.load_robot().gripper
    )
    env.reset(seed=2)
    press, force, done = 0.0, 0.0, False
    while not done:
        *_, terminated, truncated, info = env.step(law.act(env.view).astype(np.float32))
        press, force = max(press, env.plant.truth.press), max(force, env.plant.truth.part_force)
        done = terminated or truncated
    assert info["is_success"] and force > 10.0 and press < 1.0
    env.close()


def test_a_cycle_that_runs_out_of_time_pays_for_its_failure_then() -> None:
    env = PickPlaceEnv()
    env.reset(seed=3)
    failures, truncated = [], False
    while not truncated:
        *_, truncated, info = env.step(np.array([0.0, 0.0, 0.2, 0.0, 1.0], dtype=np.float32))
        failures.append(info["reward_terms"]["failure"])
    assert failures[-1] == env.plant.config.task.reward.failure < 0.0
    assert not any(failures[:-1])
    env.close()
