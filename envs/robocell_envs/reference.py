"""What the cell's physics is checked against: a fine reference, a grip under load, and a pose test of the arm.

* The same actions in a world of 1 kHz and 200 solver iterations should end the same way.
* A grip holds while twice friction × force exceeds m(g + a), and slips when it does not even bear the weight.
* Pose accuracy and repeatability are computed as in ISO 9283:1998, 7.2: accuracy is the distance from the commanded
  position to the barycentre of the attained ones, repeatability is mean + 3 standard deviations of the distances
  from that barycentre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robocell_controller.arm.kinematics import TcpPose
from robocell_controller.arm.motion import gripper_action
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import Action, PickPlaceEnv

_REFERENCE_HZ = 1000
_REFERENCE_ITERATIONS = 200
_AFTER = 10  # policy periods that the last action goes on in the reference, should it be slower to come to rest
_GRAVITY = 9.81  # m/s²
_SHAKE_M_S2, _SHAKE_HZ = 2.0, 2.0
_SHAKE_AXIS = np.array([0.6, 0.6, 0.53])  # of length 1
_LOG_MASS = np.log([0.02, 0.8])
_SETTLE = 10  # policy periods at rest before a pose is read


def reference_cell(cell: CellConfig) -> CellConfig:
    """The same cell with fine physics."""
    rates = cell.rates.model_copy(update={"physics_hz": _REFERENCE_HZ})
    simulation = {**cell.simulation, "solver_iterations": dict.fromkeys(("open", "gripping"), _REFERENCE_ITERATIONS)}
    return cell.model_copy(update={"rates": rates, "simulation": simulation})


@dataclass(frozen=True, slots=True)
class Replay:
    """How one cycle of actions ended.

    Attributes:
        outcome: as the plant reports it; None if the cycle was still open.
        actions: that were played.
        part_position: [3] m, in the end.
        penetration: deepest overlap of pads and a held part at the ends of policy periods, m.
    """

    outcome: str | None
    actions: list[Action]
    part_position: Array
    penetration: float


def guided_cycle(env: PickPlaceEnv, seed: int) -> Replay:
    """One seeded cycle of the guided program."""
    law = _law(env.cell)
    env.reset(seed=seed)
    return _play(env, lambda index: law.act(env.view).astype(np.float32), env.cell.steps_per_cycle)


def replay(env: PickPlaceEnv, seed: int, actions: list[Action]) -> Replay:
    """The same seed and actions in another world; the last action goes on for a moment."""
    env.reset(seed=seed)
    return _play(env, lambda index: actions[min(index, len(actions) - 1)], len(actions) + _AFTER)


def _play(env: PickPlaceEnv, choose: Callable[[int], Action], limit: int) -> Replay:
    played: list[Action] = []
    deepest, over = 0.0, False
    while not over and len(played) < limit:
        played.append(choose(len(played)))
        _, _, over, _, _ = env.step(played[-1])
        if env.plant.now.held and env.plant.now.raised:
            deepest = max(deepest, env.plant.world.penetration())
    return Replay(env.plant.outcome(), played, env.plant.truth.part_position, deepest)


@dataclass(frozen=True, slots=True)
class Load:
    """A part to be held: width (m), mass (kg), friction, and the gripper's force on it (N)."""

    width: float
    mass: float
    friction: float
    force: float


def draw_load(cell: CellConfig, seed: int, feasible: bool) -> Load:
    """A seeded part of 20 to 800 g in a grip that bears 2.5 to 5 times its load, or a third to two thirds of it."""
    stream = np.random.default_rng(seed)
    gripper = cell.load_robot().gripper
    width, friction, mass = stream.uniform(0.025, 0.05), stream.uniform(0.2, 1.0), np.exp(stream.uniform(*_LOG_MASS))
    share = stream.uniform(0.2, 0.4) if feasible else stream.uniform(1.5, 3.0)
    slope = 2.0 * friction * gripper.pad_friction * share / (_GRAVITY + _SHAKE_M_S2)  # kg held by each N
    force = float(np.clip(mass / slope, gripper.force_min_n, gripper.force_max_n))
    return Load(width, float(min(mass, slope * force) if feasible else slope * force), friction, force)


def hold(env: PickPlaceEnv, seed: int, load: Load, seconds: float) -> float:
    """Grips a part, lifts it and shakes it at 2 m/s²: how far it has moved in the hand, m; a lost part by far."""
    _load_part(env, seed, load)
    law, grip = _law(env.cell), gripper_action(-load.force / env.cell.load_robot().gripper.force_max_n)
    for _ in range(env.cell.steps_per_cycle):
        action = law.act(env.view)
        env.step(np.array([*action[:4], grip if action[4] < 0.0 else action[4]], np.float32))
        if env.view.holding:
            break
    periods = env.cell.rates.policy_hz
    for _ in range(periods // 3):
        env.step(np.array([0.0, 0.0, 0.2, 0.0, grip], np.float32))
    before = _part_in_hand(env)
    speed = _SHAKE_M_S2 / (2.0 * np.pi * _SHAKE_HZ) / env.cell.motion.tcp_speed_m_s
    for index in range(round(seconds * periods)):
        shake = speed * np.cos(2.0 * np.pi * _SHAKE_HZ * index / periods) * _SHAKE_AXIS
        env.step(np.array([*shake, 0.0, grip], np.float32))
    return float(np.linalg.norm(_part_in_hand(env) - before)) if env.plant.now.held else float("inf")


def _load_part(env: PickPlaceEnv, seed: int, load: Load) -> None:
    scenario = env.plant.draw(seed)
    part = replace(
        scenario.part,
        kind="box",
        width=load.width,
        height=0.04,
        mass=load.mass,
        friction=load.friction,
        crush_force=np.inf,
    )
    position = np.array([*scenario.part_position[:2], part.height / 2])
    env.begin(replace(scenario, part=part, part_position=position))


def _part_in_hand(env: PickPlaceEnv) -> Array:
    tcp: TcpPose = env.path.kinematics.pose(env.plant.truth.q)
    position: Array = tcp.rotation.T @ (env.plant.truth.part_position - tcp.position)
    return position


def pose_errors(env: PickPlaceEnv, poses: list[Array], repetitions: int) -> Array:
    """Goes round ``poses`` ([3] m each): where the TCP comes to rest, attained − commanded, [poses, n, 3] m."""
    env.reset(seed=0)
    goals = [env.path.kinematics.inverse(pose, 0.0) for pose in poses]
    errors = np.empty((len(poses), repetitions, 3))
    for repetition in range(repetitions):
        for index, (pose, goal) in enumerate(zip(poses, goals, strict=True)):
            while np.abs(goal - env.path.setpoint.q).max() > 1e-12:
                env.plant.play(env.path.home(goal).segment)
            for _ in range(_SETTLE):
                env.plant.play(env.path.home(goal).segment)
            errors[index, repetition] = env.path.kinematics.pose(env.plant.truth.q).position - pose
    return errors


def accuracy_and_repeatability(errors: Array) -> tuple[float, float]:
    """ISO 9283 position accuracy AP and repeatability RP (m) of one pose from its errors [n, 3] m."""
    centre = errors.mean(axis=0)
    distances = np.linalg.norm(errors - centre, axis=1)
    return float(np.linalg.norm(centre)), float(distances.mean() + 3.0 * distances.std(ddof=1))


def _law(cell: CellConfig) -> PickPlaceProgram:
    return PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, cell.load_robot().gripper)
