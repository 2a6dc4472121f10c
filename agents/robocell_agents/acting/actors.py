"""Actors: whatever can be evaluated, a program, a trained run or an exported bundle, behind one call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from gymnasium import spaces

from robocell_agents.acting.demonstrations import corrected
from robocell_agents.saved_files import saved_files
from robocell_controller.bundle.policy_contract import check_contract, own_contract, training_envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import ACTION_SIZE, Array
from robocell_controller.errors import InputError
from robocell_controller.path.observer import BOUNDS, OBSERVATION_SIZE
from robocell_controller.path.programs import PickPlaceProgram, ProgramConfig, RigidProgram, load_program_config
from robocell_controller.trust.keys import announce
from robocell_envs.cell_env import Action, Observation, PickPlaceEnv
from robocell_envs.config.simulation import simulation_config
from robocell_envs.goal_env import goal_observation
from robocell_envs.plant.oracle import true_view
from robocell_envs.scene.scenario import nominal_poses

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from robocell_agents.acting.saved_policy import SavedPolicy
    from robocell_controller.bundle.bundle import Bundle

PROGRAMS = ("rigid", "guided", "oracle")
PREFIX = "program:"
_announce_once = cache(announce)  # a study looks at each contestant many times


class Actor(Protocol):
    """Decides one policy period."""

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        """Action, shape [5], in [-1, 1], after ``observation``, the newest one of ``env``."""


def load_actor(reference: str, cell: CellConfig) -> Actor:
    """The actor that a reference names.

    Args:
        reference: ``program:`` and ``rigid``, ``guided`` or ``oracle``; or a run folder; or a bundle folder; or a
            policy from elsewhere, see :mod:`robocell_agents.saved_files`.
        cell: the cell as it was when the actor was set up; ``rigid`` is taught in the middle of its ranges.

    Raises:
        InputError: no such actor, or it was made for another cell.
    """
    if reference.startswith(PREFIX):
        return _named_program(reference.removeprefix(PREFIX), cell)
    if files := saved_files(reference):
        from robocell_agents.acting.saved_policy import load_saved

        return _SavedActor(load_saved(files))
    folder = Path(reference)
    if (folder / "manifest.json").is_file():
        from robocell_controller.bundle.bundle import load_bundle

        return _PolicyActor(load_bundle(folder, cell))
    if (folder / "run.json").is_file():
        # Only here, because it imports torch, which programs and bundles do without.
        from robocell_agents.acting.run_folder import cell_config, load_model, training_config

        anything = training_envelope(np.stack([-BOUNDS, BOUNDS]))  # what it has learned from is not compared
        trained = own_contract(cell_config(folder), folder.name, anything)
        check_contract(folder / "cell.yaml", trained, cell)
        actor, residual = _ModelActor(_fitting(load_model(folder), folder)), training_config(folder).residual
        return _CorrectedActor(_named_program(residual.program, cell), actor, residual.share) if residual else actor
    names = ", ".join(("a run", "a bundle", "a policy's .zip", *(PREFIX + name for name in PROGRAMS)))
    raise InputError(reference, "neither run.json nor manifest.json", f"one of {names}")


def announced_actor(reference: str, cell: CellConfig) -> Actor:
    """As :func:`load_actor`; says on stderr what is to be known of a key or a normaliser. For all but workers."""
    actor = load_actor(reference, cell)
    if isinstance(actor, _PolicyActor):
        _announce_once(Path(reference), actor.bundle.key)
    if isinstance(actor, _SavedActor):
        _say_once(actor.policy.notice)
    return actor


def program_actor(name: str, config: ProgramConfig, cell: CellConfig) -> Actor:
    """The program ``name``, one of :data:`PROGRAMS`, with the numbers of ``config``."""
    law = PickPlaceProgram(config, cell.motion, cell.rates, cell.load_robot().gripper)
    if name == "oracle":
        return _ProgramActor(lambda env: law.act(true_view(env.view, env.plant)))
    if name == "rigid":
        rigid = RigidProgram(law, *nominal_poses(simulation_config(cell)))
        return _ProgramActor(lambda env: rigid.act(env.view))
    return _ProgramActor(lambda env: law.act(env.view))


@cache
def _say_once(notice: str | None) -> None:
    if notice:
        print(notice, file=sys.stderr)


class _ProgramActor:
    """A program acts on the view, and the oracle on the plant too."""

    def __init__(self, decide: Callable[[PickPlaceEnv], Array]) -> None:
        self._decide = decide

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        return self._decide(env).astype(np.float32)


class _PolicyActor:
    """A bundle's policy acts on the observation alone."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        return self.bundle.policy.act(observation)


class _ModelActor:
    """A Stable-Baselines3 model without its exploration noise; one trained for goals sees the goal too."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._has_goal = isinstance(model.observation_space, spaces.Dict)

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        seen = goal_observation(observation, env.view) if self._has_goal else observation
        action, _ = self._model.predict(seen, deterministic=True)  # type: ignore[arg-type]
        return action.astype(np.float32)


class _SavedActor:
    """A policy from elsewhere acts on the observation alone, through its normaliser if it has one."""

    def __init__(self, policy: SavedPolicy) -> None:
        self.policy = policy

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        return self.policy.predict(observation)


class _CorrectedActor:
    """A program with a residual policy's corrections."""

    def __init__(self, program: Actor, policy: Actor, share: float) -> None:
        self._program = program
        self._policy = policy
        self._share = share

    def act(self, env: PickPlaceEnv, observation: Observation) -> Action:
        return corrected(self._program.act(env, observation), self._policy.act(env, observation), self._share)


def _named_program(name: str, cell: CellConfig) -> Actor:
    if name not in PROGRAMS:
        raise InputError(PREFIX + name, "no such program", f"one of {', '.join(PROGRAMS)}")
    return program_actor(name, load_program_config(name), cell)


def _fitting(model: BaseAlgorithm, folder: Path) -> BaseAlgorithm:
    """The model, if it takes this version's observation and gives its action."""
    space = model.observation_space
    vector = space["observation"] if isinstance(space, spaces.Dict) else space
    for name, found, size in (
        ("observation", vector.shape, OBSERVATION_SIZE),
        ("action", model.action_space.shape, ACTION_SIZE),
    ):
        if found != (size,):
            raise InputError(f"{folder / 'policy.zip'}: {name}", f"shape {found}", f"({size},), as this cell has it")
    return model
