"""Demonstrations: episodes labelled with a program's actions, gathered by all cores.

Nothing here imports torch, so that worker processes start fast; a student acts as a plain NumPy network.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from robocell_controller.cell import CellConfig
from robocell_controller.contract import Array
from robocell_controller.programs import PickPlaceProgram, Program, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.oracle import OracleProgram

Floats = npt.NDArray[np.float32]
Layers = list[tuple[Floats, Floats]]  # weights [out, in] and biases [out]; tanh between them


@dataclass(frozen=True, slots=True)
class Transitions:
    """Steps of whole episodes, in order.

    Attributes:
        observations: [n, observation].
        actions: [n, action], what was done.
        labels: [n, action], what the program would have done.
        rewards: [n].
        next_observations: [n, observation].
        terminated: [n], the episode ended in this step by success or failure.
        truncated: [n], the episode ended in this step by the time limit.
    """

    observations: Floats
    actions: Floats
    labels: Floats
    rewards: Floats
    next_observations: Floats
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rewards)


@dataclass(frozen=True, slots=True)
class Episodes:
    """Transitions and how their episodes went: success [episodes], time to the end [episodes] s."""

    transitions: Transitions
    success: npt.NDArray[np.bool_]
    time_s: Array


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the labelling program, or a student; with ``noise`` (standard deviation) on the arm's actions.

    With a ``residual`` share the student only corrects the program, see :func:`corrected`.
    """

    layers: Layers | None
    noise: float
    residual: float = 0.0


def student_action(layers: Layers, observation: Floats) -> Floats:
    """Forward pass of the student, clipped to the action range."""
    hidden = observation
    for weights, biases in layers[:-1]:
        hidden = np.tanh(weights @ hidden + biases)
    weights, biases = layers[-1]
    action: Floats = np.clip(weights @ hidden + biases, -1.0, 1.0)
    return action


def corrected(action: Floats, correction: Floats, share: float) -> Floats:
    """A program's action with ``share`` times a residual policy's added to it, [action] in [-1, 1]."""
    action = np.clip(action + share * correction, -1.0, 1.0, dtype=np.float32)
    return action


def collect(cells: list[CellConfig], program: str, actor: Actor, seeds: list[int]) -> Episodes:
    """Plays one episode per seed, ``cells`` being dealt out by seed; results depend on the seeds alone."""
    dealt = [cell.model_dump_json() for cell in cells]
    rows: list[tuple[Floats, Floats, Floats, float, Floats, bool, bool]] = []
    success, time_s = [], []
    for seed in seeds:
        env, labeller = _worker(dealt[seed % len(dealt)], program)
        rows += _episode(env, labeller, actor, seed)
        success.append(rows[-1][5] and env.plant.outcome() == "placed")
        time_s.append(env.plant.record.time)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    columns[3] = columns[3].astype(np.float32)
    return Episodes(Transitions(*columns), np.array(success), np.array(time_s))


def collect_parallel(
    pool: Executor, workers: int, cells: list[CellConfig], program: str, actor: Actor, seeds: list[int]
) -> Episodes:
    """:func:`collect` spread over a pool; the same result as in one process, in the order of the seeds."""
    shares = [list(share) for share in np.array_split(seeds, workers) if len(share)]
    jobs = [pool.submit(collect, cells, program, actor, [int(seed) for seed in share]) for share in shares]
    return joined([job.result() for job in jobs])


def joined(parts: list[Episodes]) -> Episodes:
    """Several batches of episodes as one."""
    return Episodes(
        joined_transitions([part.transitions for part in parts]),
        np.concatenate([part.success for part in parts]),
        np.concatenate([part.time_s for part in parts]),
    )


def joined_transitions(parts: list[Transitions]) -> Transitions:
    """Several batches of transitions as one."""
    return Transitions(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Transitions.__dataclass_fields__)
    )


@cache
def _worker(cell_json: str, program: str) -> tuple[PickPlaceEnv, Program]:
    """This process's environment and labeller of a cell, made once."""
    cell = CellConfig.model_validate_json(cell_json)
    env = PickPlaceEnv(cell)
    law = PickPlaceProgram(load_program_config(program), cell.motion, cell.rates, cell.load_robot().gripper)
    return env, OracleProgram(law, env.plant) if program == "oracle" else law


def _episode(
    env: PickPlaceEnv, labeller: Program, actor: Actor, seed: int
) -> list[tuple[Floats, Floats, Floats, float, Floats, bool, bool]]:
    observation, _ = env.reset(seed=seed)
    noise = np.random.default_rng(seed)
    rows = []
    done = False
    while not done:
        label = labeller.act(env.view).astype(np.float32)
        action = label if actor.layers is None else student_action(actor.layers, observation)
        if actor.residual:
            action = corrected(label, action, actor.residual)
        if actor.noise:
            action = action.copy()
            action[:4] += actor.noise * noise.standard_normal(4).astype(np.float32)
            action = np.clip(action, -1.0, 1.0)
        after, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, action, label, reward, after, terminated, truncated))
        observation, done = after, terminated or truncated
    return rows
