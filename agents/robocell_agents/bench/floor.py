"""The floor of a cell's speed: its own world with next to no Python around it, for ``robocell bench env``.

*At rest* the arm holds still and the hand is open. *Replayed*, the world does what the environment's does under random
actions: each physics step gets the joint targets of a recorded run, each policy period its gripper command. Left out
are the belt's law, what watches impacts, sensors, task, observation, and resets but for one at the start of each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.engine.bullet import number, pybullet
from robocell_envs.engine.world import Targets

Floor = Callable[[], None]


def floors(env: PickPlaceEnv, steps: int) -> dict[str, Floor]:
    """What passes ``steps`` policy periods of the world of ``env`` at each call, by kind; takes ``env`` over."""
    env.reset(seed=0)
    scenario, truth, world = env.plant.scenario, env.plant.truth, env.plant.world
    start = partial(world.build, scenario, truth.q, truth.dq, truth.gripper_width)
    return {"at rest": _at_rest(env, start, steps), "replayed": _replayed(env, start, steps)}


def _at_rest(env: PickPlaceEnv, start: Floor, steps: int) -> Floor:
    world, rates, q = env.plant.world, env.cell.rates, env.plant.truth.q
    step, client = pybullet.stepSimulation, number(world.client)

    def play() -> None:
        start()
        world.follow(q[None], np.zeros((1, q.size)), 1.0)
        for _ in range(steps * rates.physics_hz // rates.policy_hz):
            step(client)

    return play


def _replayed(env: PickPlaceEnv, start: Floor, steps: int) -> Floor:
    world = env.plant.world
    periods = list(_recorded(env, steps))

    def play() -> None:
        start()
        for near, gripper, ticks in periods:
            world.expect_hand(near)
            world.prepare(gripper)
            world.gripper.drive(gripper, near)
            for positions, speed in ticks:
                for position in positions:
                    world.step(position, speed)

    return play


def _recorded(env: PickPlaceEnv, steps: int) -> Iterator[tuple[bool, float, Targets]]:
    """Periods of random actions: whether the hand was near the part, its command, and the arm's targets."""
    actions, plant = np.random.default_rng(0), env.plant
    for _ in range(steps):
        segment = env.path.command(actions.uniform(-1.0, 1.0, env.action_space.shape)).segment
        yield plant.world.near, segment.gripper, plant.world.joint_targets(segment.q, segment.dq)
        plant.play(segment)
