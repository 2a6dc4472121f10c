"""The observer: the view as the policy's vector, with fixed scaling. The table below is the contract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robocell_controller.arm.motion import MotionConfig
from robocell_controller.path.estimator import View

_COARSE = 0.3  # m, about the size of the work area
_FINE = 0.03  # m, about the size of a part: resolves millimetres near the target
_YAW = np.pi / 4  # rad
_WIDTH = 0.08  # m, stroke of the gripper
_MISFIT = 0.02  # m
_EFFORT = 70.0  # N
_WIDTH_RATE = 0.1  # m/s, both fingers at full speed
_AGE = 0.2  # s
_BELT = 0.3  # m/s
_LIFT = 5.0  # N
CLIP = 3.0  # bound of every entry after scaling


@dataclass(frozen=True, slots=True)
class Feature:
    """One entry of the observation: its value is ``quantity / scale``, clipped to ±``clip``."""

    name: str
    unit: str
    scale: float
    clip: float = CLIP


def _axes(name: str, unit: str, scale: float, clip: float = CLIP) -> list[Feature]:
    return [Feature(f"{name}_{axis}", unit, scale, clip) for axis in "xyz"]


FEATURES: tuple[Feature, ...] = (
    *_axes("tcp_from_workspace_centre", "m", _COARSE),
    *_axes("tcp_velocity", "m/s", 1.0),
    *_axes("part_from_tcp", "m", _COARSE),
    *_axes("part_from_tcp_fine", "m", _FINE, 1.0),
    *_axes("place_from_part", "m", _COARSE),
    *_axes("place_from_part_fine", "m", _FINE, 1.0),
    Feature("part_yaw_from_tcp", "rad", _YAW),
    Feature("place_yaw_from_part", "rad", _YAW),
    Feature("part_width", "m", _WIDTH),
    Feature("part_height", "m", _WIDTH),
    Feature("gripper_width", "m", _WIDTH),
    Feature("gripper_width_minus_part", "m", _MISFIT, 1.0),
    Feature("gripper_speed", "m/s", _WIDTH_RATE),
    Feature("gripper_effort", "N", _EFFORT),
    Feature("holding", "1", 1.0),
    Feature("part_age", "s", _AGE),
    Feature("part_velocity_x", "m/s", _BELT),
    Feature("part_velocity_y", "m/s", _BELT),
    Feature("part_crush_force", "N", _EFFORT),
    Feature("lift_force", "N", _LIFT),
    Feature("gripper_command", "1", 1.0),
)
OBSERVATION_SIZE = len(FEATURES)
BOUNDS = np.array([feature.clip for feature in FEATURES], dtype=np.float32)
_SCALES = np.array([feature.scale for feature in FEATURES])
_HIGHEST = np.array([feature.clip for feature in FEATURES])
_LOWEST = -_HIGHEST


class Observer:
    """Turns views into observation vectors; stateless."""

    def __init__(self, motion: MotionConfig) -> None:
        """Takes the centre of the work area from the motion config."""
        walls = zip(motion.workspace_lower_m, motion.workspace_upper_m, strict=True)
        self._centre = [(lower + upper) / 2 for lower, upper in walls]

    def vector(self, view: View) -> npt.NDArray[np.float32]:
        """Observation, shape [OBSERVATION_SIZE], float32, within ±``BOUNDS``."""
        values = np.array(self._values(view))
        values /= _SCALES
        np.maximum(values, _LOWEST, out=values)
        np.minimum(values, _HIGHEST, out=values)
        return values.astype(np.float32)

    def _values(self, view: View) -> list[float]:
        """The quantities. Numbers one by one: for vectors of three that is faster than array operations."""
        tcp, part, place = view.tcp_position.tolist(), view.part_position.tolist(), view.place_position.tolist()
        part_from_tcp, place_from_part = _difference(part, tcp), _difference(place, part)
        width = view.part.width
        velocity_x, velocity_y, _ = view.part_velocity.tolist()
        return [
            *_difference(tcp, self._centre),
            *view.tcp_velocity.tolist(),
            *part_from_tcp,
            *part_from_tcp,
            *place_from_part,
            *place_from_part,
            view.part_yaw - view.tcp_yaw,
            view.place_yaw - view.part_yaw,
            width,
            view.part.height,
            view.gripper_width,
            view.gripper_width - width,
            view.gripper_speed,
            view.gripper_effort,
            float(view.holding),
            view.part_age,
            velocity_x,
            velocity_y,
            view.part.crush_force,
            view.lift_force,
            view.gripper_command,
        ]


def _difference(to: list[float], start: list[float]) -> tuple[float, float, float]:
    return to[0] - start[0], to[1] - start[1], to[2] - start[2]
