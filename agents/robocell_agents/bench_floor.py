"""The floor of a cell's speed: its own world with next to no Python around it, for ``robocell bench env``.

*At rest* the arm holds still and the hand is open. *Replayed*, the world does what the environment's does under random
actions: each physics step gets the joint targets of a recorded run, each policy period its gripper command. Left out
are the belt's law, what watches impacts, sensors, task, observation, and resets but for one at the start of each turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from robocell_controller.contract import Segment
from robocell_envs.cell_env import PickPlaceEnv

Floor = Callable[[], None]


def floors(env: PickPlaceEnv, steps: int) -> dict[str, Floor]:
    """What passes ``steps`` policy periods of the world of ``env`` at each call, by kind; takes ``env`` over."""
    env.reset(seed=0)
    scenario, truth, world = env.plant.scenario, env.plant.truth, env.plant.world
    start = partial(world.build, scenario, truth.q, truth.dq, truth.gripper_width)
    return {"at rest": _at_rest(env, start, steps), "replayed": _replayed(env, start, steps)}


def _at_rest(env: PickPlaceEnv, start: Floor, steps: int) -> Floor:
    world, rates, q = env.plant.world, env.cell.rates, env.plant.truth.q

    def play() -> None:
        start()
        world.follow(q[None], np.zeros((1, q.size)), 1.0)
        for _ in range(steps * rates.physics_hz // rates.policy_hz):
            world.step()

    return play


def _replayed(env: PickPlaceEnv, start: Floor, steps: int) -> Floor:
    world = env.plant.world
    periods = [(segment.gripper, world.joint_targets(segment.q, segment.dq)) for segment in _recorded(env, steps)]

    def play() -> None:
        start()
        for gripper, ticks in periods:
            world.prepare(gripper)
            world.gripper.drive(gripper)
            for positions, speeds in ticks:
                for position in positions:
                    world.drive_arm(position, speeds)
                    world.step()

    return play


def _recorded(env: PickPlaceEnv, steps: int) -> list[Segment]:
    """The segments of random actions; they do not depend on what happens to the part."""
    actions = np.random.default_rng(0)
    return [env.path.command(actions.uniform(-1.0, 1.0, env.action_space.shape)).segment for _ in range(steps)]
