"""Where the drives' energy goes, and whether parts and torques are such as the world has.

Over a lift the drives' work ∫τ·q̇ must be what arm and part gain: the cell has no friction in its joints, and the part
does not slide. Bullet holds a torque for a whole step, while the speed goes from one end's to the other's, so the work
of a step is torque × the mean of both speeds × time. Its integrator then moves the arm at the speed of the step's end:
height, and so potential energy, runs ahead of the work by half a step of gravity's power. Between two states of rest
that cancels, and what is left is the contact solver's (0.02 % measured); in motion it stays.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import JointCommand
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.config.simulation import simulation_config
from robocell_envs.engine.robot_description import urdf_file
from robocell_envs.scene.scenario import draw

GRAVITY = 9.81  # m/s²
MASS = 0.3  # kg
AT_REST = 0.002  # of the work: ten times what is measured
GRIP = -0.6
UP, STILL = (np.array([0.0, 0.0, speed, 0.0, GRIP], np.float32) for speed in (0.5, 0.0))
CONFIGS = Path(__file__).parents[2] / "configs" / "cells"


class Balance:
    """A cell whose drives' work is added up, physics step by physics step."""

    def __init__(self) -> None:
        self.env = PickPlaceEnv()
        robot = self.env.cell.load_robot()
        with urdf_file(robot, visual=False) as path:
            self.model = pin.buildModelFromUrdf(path)
        self.data = self.model.createData()
        self.work = self.positive_work = 0.0

    def joints(self) -> tuple[np.ndarray, ...]:
        """Positions, speeds and torques of arm and fingers, [9] each."""
        world = self.env.plant.world
        states = world.client.getJointStates(world.arm, range(9))
        return tuple(np.array([state[index] for state in states]) for index in (0, 1, 3))

    def stored(self) -> float:
        """Potential and kinetic energy of arm, fingers and part, J."""
        world = self.env.plant.world
        q, dq, _ = self.joints()
        (_, _, height), _ = world.client.getBasePositionAndOrientation(world.part)
        velocity, _ = world.client.getBaseVelocity(world.part)
        arm = pin.computePotentialEnergy(self.model, self.data, q) + pin.computeKineticEnergy(
            self.model, self.data, q, dq
        )
        return arm + MASS * (GRAVITY * height + np.dot(velocity, velocity) / 2)

    def gravity(self) -> np.ndarray:
        """Torques that bear arm and fingers, [7] N·m."""
        return pin.computeGeneralizedGravity(self.model, self.data, self.joints()[0])[:7]

    def play(self, action: np.ndarray, periods: int) -> None:
        """Plays policy periods and adds up the work."""
        for _ in range(periods):
            segment = self.env.path.command(action).segment
            for q, dq in zip(segment.q, segment.dq, strict=True):
                before = self.joints()[1]
                self.env.plant.write(JointCommand(q, dq, segment.gripper))
                _, after, torque = self.joints()
                power = torque * (before + after) / 2
                self.work += float(power.sum()) * self.env.cell.rates.tick
                self.positive_work += float(np.abs(power).sum()) * self.env.cell.rates.tick


@pytest.fixture
def balance():
    balance = Balance()
    env = balance.env
    assert env.cell.rates.physics_hz == env.cell.rates.controller_hz  # or a tick is more than one step
    scenario = env.plant.draw(3)
    env.begin(replace(scenario, part=replace(scenario.part, mass=MASS, friction=0.9)))
    law = PickPlaceProgram(
        load_program_config("guided"), env.cell.motion, env.cell.rates, env.cell.load_robot().gripper
    )
    while not env.view.holding:
        env.step(law.act(env.view).astype(np.float32))
    balance.play(STILL, 10)
    balance.work = balance.positive_work = 0.0
    yield balance
    env.close()


def test_the_drives_work_is_what_arm_and_part_gain(balance):
    before, counted = balance.stored(), balance.env.plant.record.energy
    height = balance.env.plant.truth.part_position[2]
    balance.play(UP, 8)
    moving, gravity_power = balance.stored() - before, float(balance.gravity() @ balance.joints()[1][:7])
    ahead = (gravity_power + MASS * GRAVITY * balance.env.plant.truth.part_speed) * balance.env.cell.rates.tick / 2
    assert moving - balance.work == pytest.approx(ahead, rel=0.1)
    balance.play(STILL, 10)
    gained, part = balance.stored() - before, MASS * GRAVITY * (balance.env.plant.truth.part_position[2] - height)
    assert balance.work == pytest.approx(gained, rel=AT_REST)
    assert balance.positive_work > gained > part > 0.1 * MASS * GRAVITY
    assert balance.env.plant.record.energy - counted == pytest.approx(balance.positive_work, rel=0.05)


def test_torques_at_rest_are_those_of_gravity(balance):
    """Of arm, fingers and part: the part's weight acts on each joint by the Jacobian's row of its height."""
    env = balance.env
    balance.play(UP, 8)
    for _ in range(50):
        env.plant.write(JointCommand(env.path.setpoint.q, np.zeros(7), GRIP))
    q, speeds, torques = balance.joints()
    _, jacobian = env.path.kinematics.pose_and_jacobian(q[:7])
    lever = env.plant.truth.part_position - env.path.kinematics.pose(q[:7]).position
    weight = (jacobian[2] + np.cross(jacobian[3:].T, lever)[:, 2]) * MASS * GRAVITY
    assert np.abs(speeds).max() < 1e-3
    assert np.abs(weight).max() > 1.0
    assert torques[:7] == pytest.approx(balance.gravity() + weight, abs=0.02)


def test_torques_of_a_cycle_stay_below_what_the_drives_can_give(balance):
    env, greatest = balance.env, np.zeros(7)
    law = PickPlaceProgram(
        load_program_config("guided"), env.cell.motion, env.cell.rates, env.cell.load_robot().gripper
    )
    over = False
    while not over:
        _, _, over, _, info = env.step(law.act(env.view).astype(np.float32))
        greatest = np.maximum(greatest, np.abs(env.plant.truth.tau))
    assert info["is_success"]
    assert (greatest < 0.95 * env.cell.load_robot().limits.torque).all()  # at the limit Bullet would cut them off


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_parts_are_such_as_the_world_has(name):
    cell = load(CellConfig, "cells", name)
    parts = [draw(simulation_config(cell), seed, cell.belt).part for seed in range(200)]
    sections = {"box": 1.0, "cylinder": np.pi / 4, "prism": np.sqrt(3) / 2}  # share of the square of the width
    for part in parts:
        density = part.mass / (sections[part.kind] * part.width**2 * part.height)
        assert 100.0 < density < 8000.0  # kg/m³: rigid foam to steel
        assert 0.01 <= part.mass <= 0.8
        assert 0.02 <= part.width <= 0.06 and 0.02 <= part.height <= 0.06
        assert 0.2 <= part.friction <= 1.0  # against rubber
    assert len({part.mass for part in parts}) == len(parts)
