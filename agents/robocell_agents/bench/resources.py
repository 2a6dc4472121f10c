"""What an environment takes of the machine: what a second process brings, and memory, for ``robocell bench env``."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from robocell_agents.acting.grouped_vec_env import GroupedVecEnv
from robocell_agents.workers import worker_pool

_ENVS = 32  # stepped together, as in training
_STEPS = 50  # of each of them in one turn
_MORE = 8  # environments in one process beside the first
_WARM_UP = 100  # resets before memory is watched: by then allocators have what they keep


def resources(name: str, rounds: int, resets: int) -> dict[str, Any]:
    """Throughput with one and with two processes, and memory, of the environment ``name``.

    Args:
        name: of a registered environment.
        rounds: turns of one and of two processes, interleaved; the medians count.
        resets: over which the growth of memory is measured.
    """
    with worker_pool(1) as pool:  # a fresh process: this one has memory of its own to grow
        memory: dict[str, Any] = pool.submit(_memory, name, resets).result()
    return {**_throughput(name, rounds), **memory}


def _throughput(name: str, rounds: int) -> dict[str, float]:
    """Steps of 32 environments together, as training steps them, per second of wall time; actions at random."""
    vectorised = [GroupedVecEnv([partial(_make, name)] * _ENVS, workers) for workers in (1, 2)]
    for env in vectorised:
        env.seed(0)
        env.reset()
        _steps_per_s(env)
    one, two = np.array([[_steps_per_s(env) for env in vectorised] for _ in range(rounds)]).T
    for env in vectorised:
        env.close()
    return {
        "steps_per_s_one_process": float(np.median(one)),
        "steps_per_s_two_processes": float(np.median(two)),
        "two_processes_against_one": float(np.median(two / one)),
    }


def _steps_per_s(env: GroupedVecEnv) -> float:
    actions = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(_STEPS):
        env.step(actions.uniform(-1.0, 1.0, (_ENVS, *(env.action_space.shape or ()))).astype(np.float32))
    return _ENVS * _STEPS / (time.perf_counter() - start)


def _memory(name: str, resets: int) -> dict[str, Any]:
    first = _make(name)
    _reset(first, _WARM_UP)
    before = _resident_mib()
    more = [_make(name) for _ in range(_MORE)]
    for env in more:
        _reset(env, 1)
    together = _resident_mib()
    _reset(first, _WARM_UP)
    start = _resident_mib()
    _reset(first, resets)
    return {
        "mib_per_env": (together - before) / _MORE,
        "resets": resets,
        "growth_mib": _resident_mib() - start,
    }


def _reset(env: gymnasium.Env[Any, Any], times: int) -> None:
    for seed in range(times):
        env.reset(seed=seed)
        env.step(env.action_space.sample())


def _make(name: str) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(f"robocell_envs:{name}", disable_env_checker=True)


def _resident_mib() -> float:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
