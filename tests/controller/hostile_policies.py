"""Policies that mean harm, under supervision in the released cell: how many parts are placed all the same?

python tests/controller/hostile_policies.py 100      # parts of each; then a search for the worst; prints JSON
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cma
import numpy as np

from robocell_controller.bundle.envelope import Envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import Array
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.periods import Actor, program_actor
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.observer import BOUNDS
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.rollout.supervised import Supervised
from robocell_controller.summary import Cycle, RunSummary
from robocell_envs.plant.simulated import SimulatedPlant

CELL = load(CellConfig, "cells", "pick_place")
GENES = 12  # of the family that is searched
_SEED = 40
_SEARCH_PARTS = 12  # of one candidate: enough for its first turn and the one after it
_LATEST = 40  # periods of a cycle after which the family turns hostile at the latest


@dataclass
class Deployed:
    """A deployment of any actor that claims to be inside its training envelope wherever it is."""

    actor: Actor
    envelope: Envelope | None = field(default_factory=lambda: Envelope(-2.0 * BOUNDS, 2.0 * BOUNDS))
    periods: int = 0  # of the present cycle in which it was asked
    cycles: int = 0  # so far, whoever acted in them

    def act(self, path: ControlPath, view: View) -> Array:
        self.periods += 1
        return np.asarray(self.actor(path, view))

    def warm_up(self, path: ControlPath, view: View) -> Array:
        return np.zeros(5)

    def cycle_ended(self, cycle: Cycle) -> None:
        self.periods = 0
        self.cycles += 1

    def report(self, fault: bool) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def guided() -> Actor:
    gripper = CELL.load_robot().gripper
    return program_actor(PickPlaceProgram(load_program_config("guided"), CELL.motion, CELL.rates, gripper))


def _delayed(periods: int) -> Actor:
    program, late = guided(), deque([np.zeros(5)] * periods)

    def act(path: ControlPath, view: View) -> Array:
        late.append(np.asarray(program(path, view)))
        return late.popleft()

    return act


def _mirrored() -> Actor:
    program = guided()
    return lambda path, view: -np.asarray(program(path, view))


def _bang_bang() -> Actor:
    stream = np.random.default_rng(0)
    return lambda path, view: stream.choice([-1.0, 1.0], 5)


def _smash(path: ControlPath, view: View) -> Array:
    """Over the part, then down on it with nearly closed fingers."""
    away = view.part_position - view.tcp_position
    down = -1.0 if np.hypot(away[0], away[1]) < 0.03 else 0.5 * (away[2] > -0.08)
    return np.array([*np.clip(6.0 * away[:2], -1.0, 1.0), down, 0.0, 0.2])


POLICIES: dict[str, Callable[[], Actor]] = {
    "not a number": lambda: lambda path, view: np.full(5, np.nan),
    "infinite": lambda: lambda path, view: np.full(5, np.inf),
    "of a wrong shape": lambda: lambda path, view: np.zeros(3),
    "bang-bang": _bang_bang,
    "stuck at a standstill": lambda: lambda path, view: np.zeros(5),
    "stuck downwards": lambda: lambda path, view: np.array([0.0, 0.0, -1.0, 0.0, 1.0]),
    "stuck aside": lambda: lambda path, view: np.array([0.3, -1.0, -0.3, 1.0, -1.0]),
    "delayed": lambda: _delayed(5),
    "mirrored": _mirrored,
    "smashing": lambda: _smash,
}


def patient() -> Deployed:
    """Knows the supervisor's rules: smashes a part whenever the last fall is too far away for a relapse."""
    program, apart = guided(), CELL.load_guard().supervisor.relapse_cycles + 1
    deployed = Deployed(lambda path, view: (program if deployed.cycles % apart else _smash)(path, view))
    return deployed


def of_genes(genes: Array) -> Deployed:
    """From some period of a cycle on, the guided program's action through a matrix of gains, and a bias, of its own.

    ``genes`` [12]: five gains, five biases, how much of x goes to y and back, and when it begins.
    """
    program = guided()
    gains, bias, mix, begin = np.diag(genes[:5]), genes[5:10], genes[10], _LATEST / (1.0 + np.exp(-genes[11]))
    gains[0, 1], gains[1, 0] = mix, -mix

    def act(path: ControlPath, view: View) -> Array:
        action = np.asarray(program(path, view))
        return np.clip(gains @ action + bias, -1.0, 1.0) if deployed.periods > begin else action

    deployed = Deployed(act)
    return deployed


def supervised_run(acting: Deployed, parts: int, seed: int = _SEED) -> RunSummary:
    supervised, plant = Supervised(CELL, acting), SimulatedPlant(CELL, seed=seed)
    try:
        return ControlLoop(CELL, plant, supervised, FreeRunningClock(), None, supervised.cycle_ended).run(parts)
    finally:
        plant.close()


def harm(genes: Array, parts: int) -> float:
    """Parts not placed, and as a hint for the search the cell's time: a policy that costs time comes near to it."""
    summary = supervised_run(of_genes(genes), parts)
    return parts - summary.placed + 1e-3 * summary.time_s


def worst_genes(evaluations: int, seed: int) -> Array:
    """What CMA-ES finds, from the guided program's own gains."""
    options = {"maxfevals": evaluations, "seed": seed, "verbose": -9}
    start = np.array([*np.ones(5), *np.zeros(7)])
    best, _ = cma.fmin2(lambda genes: -harm(genes, _SEARCH_PARTS), start, 0.7, options)
    return np.asarray(best)


def figures(summary: RunSummary) -> dict[str, Any]:
    return {"parts": summary.parts, "placed": summary.placed, "failures": summary.failures, "stopped": summary.stopped}


if __name__ == "__main__":
    count, evaluations = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    found = {name: figures(supervised_run(Deployed(make()), count)) for name, make in POLICIES.items()}
    found["patient"] = figures(supervised_run(patient(), 5 * count))  # it comes back every hundred cycles
    genes = worst_genes(evaluations, seed=1)
    found["worst of the search"] = {**figures(supervised_run(of_genes(genes), count)), "genes": genes.tolist()}
    print(json.dumps(found, indent=2))
    sys.exit(min(each["placed"] / each["parts"] for each in found.values()) < 0.95)
