"""``robocell bench env``: the cell's speed against panda-gym's and against its own physics, in one interleaved run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from robocell_agents import provenance
from robocell_controller.progress import progress_bar
from robocell_envs.bullet import quiet
from robocell_envs.cell_env import PickPlaceEnv

_OURS, _PEER = "RobotCell/PickPlace-v0", "PandaPickAndPlace-v3"
_STEPS = 400  # policy periods of one turn of one contestant, resets included


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that passes simulated time.

    Attributes:
        name: for the table.
        simulated: seconds that one call of ``play`` passes.
        play: does its turn.
    """

    name: str
    simulated: float
    play: Callable[[], None]


def bench_env(rounds: int) -> dict[str, Any]:
    """Simulated seconds per CPU second of each contestant, medians over ``rounds`` turns, and their ratios to ours."""
    contestants = [_cell(), _floor(), *_peer()]
    rates: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    with progress_bar() as progress:
        bar = progress.add_task("bench env", total=rounds)
        for _ in range(rounds):
            for contestant in contestants:
                start = time.process_time()
                contestant.play()
                rates[contestant.name].append(contestant.simulated / (time.process_time() - start))
            progress.advance(bar)
    ours = np.array(rates[contestants[0].name])
    return {
        "command": provenance.command(),
        "versions": provenance.versions(),
        "hardware": provenance.hardware(),
        "git": provenance.git_state(),
        "contestants": {
            name: {
                "simulated_s_per_cpu_s": float(np.median(values)),
                "steps_per_cpu_s": float(np.median(values)) * _STEPS / contestant.simulated,
                "ours_against_it": float(np.median(ours / np.array(values))),
            }
            for contestant, (name, values) in zip(contestants, rates.items(), strict=True)
        },
    }


def _cell() -> Contestant:
    env = gymnasium.make(_OURS, disable_env_checker=True)
    return Contestant(_OURS, _STEPS / PickPlaceEnv.metadata["render_fps"], _random_play(env))


def _peer() -> list[Contestant]:
    """panda-gym's task with the same rate of 25 actions a second, if it is installed."""
    try:
        import panda_gym  # noqa: F401 - registers its environments
    except ImportError:
        return []
    with quiet():
        env = gymnasium.make(_PEER, disable_env_checker=True)
    period = env.unwrapped.sim.dt  # type: ignore[attr-defined]
    return [Contestant(f"panda-gym {_PEER}", _STEPS * period, _random_play(env))]


def _random_play(env: gymnasium.Env[Any, Any]) -> Callable[[], None]:
    actions = np.random.default_rng(0)
    shape = env.action_space.shape
    env.reset(seed=0)

    def play() -> None:
        for _ in range(_STEPS):
            _, _, terminated, truncated, _ = env.step(actions.uniform(-1.0, 1.0, shape).astype(np.float32))
            if terminated or truncated:
                env.reset()

    return play


def _floor() -> Contestant:
    """Our world stepped with next to no Python around it: the arm holds still."""
    env = PickPlaceEnv()
    env.reset(seed=0)
    world, rates = env.plant.world, env.cell.rates
    world.follow(env.plant.truth.q[None], np.zeros((1, 7)), 1.0)

    def play() -> None:
        for _ in range(_STEPS * rates.physics_hz // rates.policy_hz):
            world.client.stepSimulation()

    return Contestant("our physics alone", _STEPS / rates.policy_hz, play)
