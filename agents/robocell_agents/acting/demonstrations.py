"""Demonstrations: episodes labelled with a program's actions, gathered by all cores.

Nothing here imports torch, so that worker processes start fast; a student acts as a plain NumPy network.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array
from robocell_controller.path.programs import PickPlaceProgram, Program, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.oracle import OracleProgram

Floats = npt.NDArray[np.float32]
Layers = list[tuple[Floats, Floats]]  # weights [out, in] and biases [out]; tanh between them
_CORRECTED = "guided"  # the program that a residual policy corrects


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
class Played:
    """Episodes: which ended well, [n], and how long they took, [n] s."""

    success: npt.NDArray[np.bool_]
    time_s: Array

    @classmethod
    def none(cls) -> Played:
        """Of no episode."""
        return cls(np.empty(0, dtype=np.bool_), np.empty(0))

    def __add__(self, other: Played) -> Played:
        return Played(np.append(self.success, other.success), np.append(self.time_s, other.time_s))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the labelling program, or a student; with ``noise`` (standard deviation) on the arm's actions.

    With a ``residual`` share the student only corrects the program, see :func:`corrected`.
    """

    layers: Layers | None
    noise: float
    residual: float = 0.0


def last_hidden(layers: Layers, observation: Floats) -> Floats:
    """What the student's last hidden layer makes of an observation."""
    hidden = observation
    for weights, biases in layers[:-1]:
        hidden = np.tanh(weights @ hidden + biases)
    return hidden


def action_from(layers: Layers, hidden: Floats) -> Floats:
    """What the student does after its last hidden layer, clipped to the action range."""
    weights, biases = layers[-1]
    action: Floats = np.clip(weights @ hidden + biases, -1.0, 1.0)
    return action


def student_action(layers: Layers, observation: Floats) -> Floats:
    """Forward pass of the student, clipped to the action range."""
    return action_from(layers, last_hidden(layers, observation))


def corrected(action: Floats, correction: Floats, share: float) -> Floats:
    """A program's action with ``share`` times a residual policy's added to it, [action] in [-1, 1]."""
    action = np.clip(action + share * correction, -1.0, 1.0, dtype=np.float32)
    return action


def collect(cells: list[CellConfig], program: str, actor: Actor, seeds: list[int]) -> Transitions:
    """Plays one episode per seed, ``cells`` being dealt out by seed; results depend on the seeds alone."""
    dealt = [cell.model_dump_json() for cell in cells]
    rows: list[tuple[Floats, Floats, Floats, float, Floats, bool, bool]] = []
    for seed in seeds:
        cell = dealt[seed % len(dealt)]
        rows += _episode(_env(cell), _program(cell, program), actor, seed)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    columns[3] = columns[3].astype(np.float32)
    return Transitions(*columns)


def collect_parallel(
    pool: Executor, workers: int, cells: list[CellConfig], program: str, actor: Actor, seeds: list[int]
) -> Transitions:
    """:func:`collect` spread over a pool; the same result as in one process, in the order of the seeds."""
    jobs = [pool.submit(collect, cells, program, actor, share) for share in _shares(seeds, workers)]
    return joined_transitions([job.result() for job in jobs])


def outcomes(cells: list[CellConfig], actor: Actor, seeds: list[int]) -> Played:
    """How a student's episodes end, one per seed, ``cells`` being dealt out by seed; nothing is labelled or kept."""
    dealt = [cell.model_dump_json() for cell in cells]
    ends = [_outcome(dealt[seed % len(dealt)], actor, seed) for seed in seeds]
    return Played(np.array([success for success, _ in ends]), np.array([time_s for _, time_s in ends]))


def outcomes_parallel(pool: Executor, workers: int, cells: list[CellConfig], actor: Actor, seeds: list[int]) -> Played:
    """:func:`outcomes` spread over a pool; the same result as in one process, in the order of the seeds."""
    jobs = [pool.submit(outcomes, cells, actor, share) for share in _shares(seeds, workers)]
    return sum((job.result() for job in jobs), Played.none())


def joined_transitions(parts: list[Transitions]) -> Transitions:
    """Several batches of transitions as one."""
    return Transitions(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Transitions.__dataclass_fields__)
    )


def _shares(seeds: list[int], workers: int) -> list[list[int]]:
    return [share.tolist() for share in np.array_split(seeds, workers) if len(share)]


@cache
def _env(cell_json: str) -> PickPlaceEnv:
    """This process's environment of a cell, made once."""
    return PickPlaceEnv(CellConfig.model_validate_json(cell_json))


@cache
def _program(cell_json: str, name: str) -> Program:
    """This process's program ``name`` for a cell, which sees into its environment if it is the oracle."""
    env = _env(cell_json)
    cell = env.cell
    law = PickPlaceProgram(load_program_config(name), cell.motion, cell.rates, cell.load_robot().gripper)
    return OracleProgram(law, env.plant) if name == "oracle" else law


def _outcome(cell_json: str, actor: Actor, seed: int) -> tuple[bool, float]:
    """Whether the episode ended well, and its time, s."""
    assert actor.layers is not None
    env, over, terminated = _env(cell_json), False, False
    observation, _ = env.reset(seed=seed)
    while not over:
        action = student_action(actor.layers, observation)
        if actor.residual:
            shown = _program(cell_json, _CORRECTED).act(env.view).astype(np.float32)
            action = corrected(shown, action, actor.residual)
        observation, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
    return terminated and env.plant.outcome() == "placed", env.plant.record.time


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
        if actor.noise:
            action = action.copy()
            action[:4] += actor.noise * noise.standard_normal(4).astype(np.float32)
            action = np.clip(action, -1.0, 1.0)
        after, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, action, label, reward, after, terminated, truncated))
        observation, done = after, terminated or truncated
    return rows
