"""``robocell bench env``: the cells' speed against their own physics and against other arms, in one interleaved run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np

from robocell_agents import provenance
from robocell_agents.bench.floor import floors
from robocell_agents.bench.parts import parts_cost
from robocell_agents.bench.resources import resources
from robocell_controller.progress import progress_bar
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.engine.bullet import quiet

_OURS = ("RobotCell/PickPlace-v0", "RobotCell/ConveyorPick-v0")
_PANDA_GYM, _FETCH = "PandaPickAndPlace-v3", "FetchPickAndPlace"
_STEPS = 400  # policy periods of one turn of one contestant, resets included


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that passes simulated time.

    Attributes:
        name: for the table.
        simulated: seconds that one call of ``play`` passes.
        play: does its turn.
        rivals: those of our cells that it is compared with.
    """

    name: str
    simulated: float
    play: Callable[[], None]
    rivals: tuple[str, ...] = _OURS


def bench_env(rounds: int, resets: int) -> dict[str, Any]:
    """Simulated seconds per CPU second of each contestant, and what each of our cells takes of the machine.

    Args:
        rounds: turns of each contestant; speeds are their medians, and so are the ratios of turns of one round.
        resets: over which the growth of memory is measured.
    """
    contestants = [*(each for name in _OURS for each in _cell(name)), *_panda_gym(), *_fetch()]
    return {
        **provenance.record(),
        "contestants": _compared(contestants, _rates(contestants, rounds)),
        "resources": {name: resources(name, rounds, resets) for name in _OURS},
        "parts_in_cell": parts_cost(rounds),
    }


def _rates(contestants: list[Contestant], rounds: int) -> dict[str, list[float]]:
    """Simulated seconds per CPU second of each turn."""
    rates: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    with progress_bar(threaded=False) as progress:
        bar = progress.add_task("bench env", total=rounds)
        for _ in range(rounds):
            for contestant in contestants:
                start = time.process_time()
                contestant.play()
                rates[contestant.name].append(contestant.simulated / (time.process_time() - start))
            progress.advance(bar)
            progress.refresh()
    return rates


def _compared(contestants: list[Contestant], rates: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    return {
        each.name: {
            "simulated_s_per_cpu_s": float(np.median(rates[each.name])),
            "steps_per_cpu_s": float(np.median(rates[each.name])) * _STEPS / each.simulated,
            "ours_against_it": {
                rival: float(np.median(np.divide(rates[rival], rates[each.name]))) for rival in each.rivals
            },
        }
        for each in contestants
    }


def _cell(name: str) -> list[Contestant]:
    """One of our cells, and its own physics."""
    env = gymnasium.make(name, disable_env_checker=True)
    cell = cast(PickPlaceEnv, env.unwrapped).cell
    simulated, passive = _STEPS / cell.rates.policy_hz, PickPlaceEnv(cell)
    own = [Contestant(name, simulated, _random_play(env), (name,))]
    return own + [
        Contestant(f"{name}: its physics alone, {kind}", simulated, play, (name,))
        for kind, play in floors(passive, _STEPS).items()
    ]


def _panda_gym() -> list[Contestant]:
    """panda-gym's task (PyBullet) with the same rate of 25 actions a second, if it is installed."""
    try:
        import panda_gym  # noqa: F401 - registers its environments
    except ImportError:
        return []
    with quiet():
        env = gymnasium.make(_PANDA_GYM, disable_env_checker=True)
    period = env.unwrapped.sim.dt  # type: ignore[attr-defined]
    return [Contestant(f"panda-gym {_PANDA_GYM}", _STEPS * period, _random_play(env))]


def _fetch() -> list[Contestant]:
    """The newest of Gymnasium-Robotics' tasks of that name (MuJoCo, 25 actions a second), if it is installed."""
    try:
        import gymnasium_robotics
    except ImportError:
        return []
    gymnasium.register_envs(gymnasium_robotics)
    named = [spec for spec in gymnasium.registry.values() if spec.name == _FETCH]
    newest = max(named, key=lambda spec: spec.version or 0)
    env = gymnasium.make(newest.id, disable_env_checker=True)
    period = env.unwrapped.dt  # type: ignore[attr-defined]
    return [Contestant(f"Gymnasium-Robotics {newest.id}", _STEPS * period, _random_play(env))]


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
