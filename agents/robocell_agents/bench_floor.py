"""The floor of a cell's speed: its own world with next to no Python around it, for ``robocell bench env``.

*At rest* the arm holds still and the hand is open. *Replayed*, the world does what the environment's does under random
actions: each physics step gets the joint targets of a recorded run, each policy period its gripper command. Left out
are the belt's law, what watches impacts, sensors, task, observation, and resets but for one at the start of each turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robocell_controller.cell import CellConfig
from robocell_controller.contract import Segment
from robocell_envs.cell_env import PickPlaceEnv

Floor = Callable[[], None]


def floors(cell: CellConfig, steps: int) -> dict[str, Floor]:
    """What passes ``steps`` policy periods of a cell's world at each call, by kind."""
    return {"at rest": _at_rest(cell, steps), "replayed": _replayed(cell, steps)}


def _at_rest(cell: CellConfig, steps: int) -> Floor:
    env = PickPlaceEnv(cell)
    env.reset(seed=0)
    scenario, truth, world = env.plant.scenario, env.plant.truth, env.plant.world
    step = world.client.stepSimulation

    def play() -> None:
        world.build(scenario, truth.q, truth.dq, truth.gripper_width)
        world.follow(truth.q[None], np.zeros((1, truth.q.size)), 1.0)
        for _ in range(steps * cell.rates.physics_hz // cell.rates.policy_hz):
            step()

    return play


def _replayed(cell: CellConfig, steps: int) -> Floor:
    env = PickPlaceEnv(cell)
    env.reset(seed=0)
    scenario, truth, world = env.plant.scenario, env.plant.truth, env.plant.world
    periods = [(segment.gripper, world.joint_targets(segment.q, segment.dq)) for segment in _recorded(env, steps)]
    step = world.client.stepSimulation

    def play() -> None:
        world.build(scenario, truth.q, truth.dq, truth.gripper_width)
        for gripper, ticks in periods:
            world.prepare(gripper)
            world.gripper.drive(gripper)
            for positions, speeds in ticks:
                for position in positions:
                    world.drive_arm(position, speeds)
                    step()

    return play


def _recorded(env: PickPlaceEnv, steps: int) -> list[Segment]:
    """The segments of random actions; they do not depend on what happens to the part."""
    actions = np.random.default_rng(0)
    return [env.path.command(actions.uniform(-1.0, 1.0, env.action_space.shape)).segment for _ in range(steps)]
