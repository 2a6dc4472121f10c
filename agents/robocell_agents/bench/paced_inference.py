"""Inferences at the cell's pace, taken in turn by a bundle's policy and by SB3 with the same weights."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from stable_baselines3 import PPO

from robocell_controller.bundle.bundle import POLICY, load_bundle
from robocell_controller.bundle.golden import TOLERANCE
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import CellState
from robocell_controller.errors import InputError
from robocell_controller.latency import Latencies
from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.processes.loop import PRIORITY
from robocell_controller.rights import ask, cores, no_collections
from robocell_envs.cell_env import PickPlaceEnv

_WARM_UP = 100  # periods


def main(bundle: str, seconds: float) -> None:
    """Prints the latencies of both as JSON, µs."""
    cell = load(CellConfig, "cells", "pick_place")
    env = PickPlaceEnv(cell)
    env.reset(seed=0)
    ours, theirs, state = load_bundle(Path(bundle), cell).policy, twin(Path(bundle) / POLICY, env), env.plant.read()
    path = cell.control_path()
    path.reset(state.q, state.dq, 0.0)
    actors: dict[str, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]] = {
        "bundle": ours.act,
        "sb3": lambda observation: theirs.predict(observation, deterministic=True)[0],
    }
    latencies = {name: Latencies() for name in actors}
    ask(PRIORITY, cores()[-1])
    clock = DeadlineClock(round(1e9 / cell.rates.controller_hz))
    with no_collections():
        for tick in range(round(seconds * cell.rates.controller_hz)):
            clock.wait()
            period, rest = divmod(tick, cell.rates.ticks)
            if rest:
                continue
            name = list(actors)[period % 2]
            observation = path.observation(path.view(_stirred(state, period)))
            begin = clock.now()
            action = actors[name](observation)
            duration = clock.now() - begin
            path.command(action)
            if period > _WARM_UP:
                latencies[name].add(duration)
    env.close()
    print(json.dumps({name: values.summary_us() for name, values in latencies.items()}))


def twin(graph: Path, env: PickPlaceEnv) -> PPO:
    """SB3's PPO with the weights of a graph that was exported from one.

    Raises:
        InputError: the graph is no such one.
    """
    torch.set_num_threads(1)  # more only wait for each other in so small a net
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(graph).graph.initializer}
    hidden = [weights[f"hidden.{2 * index}.bias"].shape[0] for index in range(sum("hidden" in n for n in weights) // 2)]
    model = PPO("MlpPolicy", env, policy_kwargs={"net_arch": hidden}, device="cpu")
    own = model.policy.state_dict()
    for name, value in weights.items():
        key = name.replace("hidden.", "mlp_extractor.policy_net.").replace("action.", "action_net.")
        if key in own:
            own[key] = torch.as_tensor(np.array(value))
    model.policy.load_state_dict(own)
    _check_same(graph, model)
    return model


def _check_same(graph: Path, model: PPO) -> None:
    observations = model.observation_space.sample()[None] * np.linspace(-1, 1, 20, dtype=np.float32)[:, None]
    policy = OnnxPolicy(graph)
    ours = np.array([policy.act(observation) for observation in observations])
    theirs, _ = model.predict(observations, deterministic=True)
    if np.abs(ours - theirs).max() > TOLERANCE:
        raise InputError(graph, "a graph that SB3 does not reproduce", "one exported from PPO")


def _stirred(state: CellState, period: int) -> CellState:
    """The state, a little later: so that no observation is the one before."""
    state.time = period * 0.04  # type: ignore[misc]
    state.part_yaw = 0.5 * math.sin(0.1 * period)  # type: ignore[misc]
    return state
