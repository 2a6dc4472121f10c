"""What a privileged critic sees beside the observation: the truth that sensors and recipe do not tell.

A value estimated from it has less noise, and the policy is none the wiser (Pinto et al. 2017, arXiv:1710.06542).
"""

from __future__ import annotations

from typing import get_args

import gymnasium
import numpy as np
import numpy.typing as npt

from robocell_controller.contract import JOINTS
from robocell_controller.path.estimator import nearest_branch
from robocell_controller.path.observer import CLIP
from robocell_envs.cell_env import Action, Observation, PickPlaceEnv
from robocell_envs.config.faults import Faults, SensorName
from robocell_envs.scene.scenario import Scenario

SENSORS = get_args(SensorName)
# Part 5, belt 2, faults of hand, drives, encoders, payload, delay and sensors, and how far the estimates are off.
SIZE = 5 + 2 + 2 + 2 * JOINTS + 2 + 2 * len(SENSORS) + 5
_MASS, _FORCE, _OVERSIZE = 0.2, 70.0, 0.02  # kg, N, m: scales, as those of the observation
_BELT, _FRICTION_TORQUE, _OFFSET, _PAYLOAD, _DELAY = 0.3, 16.0, 0.002, 1.0, 20.0  # m/s, N·m, rad, kg, ms
_POSITION, _YAW, _WIDTH = 0.03, 0.2, 0.02  # m, rad, m


class PrivilegedEnv(gymnasium.ObservationWrapper[npt.NDArray[np.float32], Action, Observation]):
    """A cell whose observation is followed by :data:`SIZE` true numbers and by which of the training's cells it is."""

    def __init__(self, env: gymnasium.Env[Observation, Action], cell: int, cells: int) -> None:
        """Wraps the environment of the cell number ``cell`` of ``cells``."""
        super().__init__(env)
        assert isinstance(env.unwrapped, PickPlaceEnv) and isinstance(env.observation_space, gymnasium.spaces.Box)
        self._cell_env = env.unwrapped
        self._kind = [float(index == cell) for index in range(cells)]
        bounds = np.append(env.observation_space.high, np.full(SIZE + cells, CLIP)).astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(-bounds, bounds, dtype=np.float32)
        self._known: tuple[Scenario, Faults] | None = None

    def observation(self, observation: Observation) -> npt.NDArray[np.float32]:
        """[observation + SIZE + cells]."""
        true = np.array([*self._parameters(), *self._errors()])
        return np.concatenate([observation, np.clip(true, -CLIP, CLIP), self._kind], dtype=np.float32)

    def _parameters(self) -> list[float]:
        """Of the part, the belt and the faults; they change with the part, or when a fault sets in."""
        plant = self._cell_env.plant
        scenario, faults = plant.scenario, plant.faults
        if self._known is None or self._known[0] is not scenario or self._known[1] is not faults:
            self._known = scenario, faults
            self._told = [*_part_and_belt(scenario, faults), *_faults(faults)]
        return self._told

    def _errors(self) -> list[float]:
        """True less estimated position [3], yaw and width of the gripper."""
        truth, view = self._cell_env.plant.truth, self._cell_env.view
        yaw = nearest_branch(truth.part_yaw, view.part_yaw, view.part.symmetry)
        offset = (truth.part_position - view.part_position).tolist()
        width = (truth.gripper_width - view.gripper_width) / _WIDTH
        return [*(axis / _POSITION for axis in offset), (yaw - view.part_yaw) / _YAW, width]


def _part_and_belt(scenario: Scenario, faults: Faults) -> list[float]:
    part, belt = scenario.part, scenario.belt
    crush = (part.crush_force / _FORCE, (part.crush_force - part.told_crush_force) / _FORCE)
    running = [0.0, 0.0]
    if belt:
        running = [belt.speed * faults.belt_speed_share / _BELT, belt.friction * faults.belt_friction_share]
    return [part.mass / _MASS, part.friction, *crush, part.oversize / _OVERSIZE, *running]


def _faults(faults: Faults) -> list[float]:
    return [
        faults.gripper_force_share,
        faults.pad_friction_share,
        *(torque / _FRICTION_TORQUE for torque in faults.joint_friction_n_m),
        *(offset / _OFFSET for offset in faults.encoder_offset_rad),
        faults.payload_error_kg / _PAYLOAD,
        faults.actuation_delay_ms / _DELAY,
        *(float(name in faults.stuck_sensors) for name in SENSORS),
        *(float(name in faults.silent_sensors) for name in SENSORS),
    ]
