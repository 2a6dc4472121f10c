"""Programs: scripted controllers. They are functions of the view, not phase machines, so they recover by themselves.

``guided`` acts on the sensors' view; ``rigid`` on taught points; the oracle (in the simulation) on the true state.
All three share one pick-and-place law and differ in what they see and in their tuned speeds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Gt, Interval

from robocell_controller.arm.motion import MotionConfig, RatesConfig, gripper_action
from robocell_controller.arm.robot import GripperConfig, Positive
from robocell_controller.config import Config, load
from robocell_controller.contract import Array
from robocell_controller.path.crossing import FINGER_TIPS, ROOM
from robocell_controller.path.estimator import View

_AT_REST = np.zeros(3)
_LEAST = 0.25  # share of the acceleration that is kept for going down
_STEEP = 3.0  # least slope of the cone over a slot between other parts
_LEAD = 0.06  # s that the hand takes to take on the part's speed; where other parts stand, it waits for that above
_BRAKED = 1.2  # times the tuned deceleration: whoever must brake harder on the way down stays off the belt first,
_YIELD = 0.3  # and changes its sideways speed by this share of what it would like
_MEET = 0.1  # s of its way by which the hand waits ahead of a part that is not within reach yet,
_WAIT = 0.02  # m, and higher than it travels: at the edge of its reach the arm is slow to stop
_GENTLY = 0.01  # m, nearest aim below the hand on the way to there: with no room to spare it must not sink too low
_STRAIGHT = 0.1  # rad by which a part may be turned against its slot when it is let go
_GRASP_HEIGHT = 0.004  # m over the part's centre: keeps the finger tips off table and tray


class ProgramConfig(Config):
    """Speeds and via points of the pick-and-place law."""

    speed_m_s: Positive
    braking_m_s2: Positive
    yaw_rate_rad_s: Positive
    hover_m: Positive
    cone_slope: Positive
    grasp_tolerance_m: Positive
    place_tolerance_m: Positive
    place_press_m: Positive
    yaw_gain_per_s: Positive
    acceleration_m_s2: Positive
    preshape_m: Positive
    release_m: Positive
    grip_share: Annotated[float, Gt(0), Interval(le=1)]
    retreat_m: Positive


class Program(Protocol):
    """A scripted controller."""

    def act(self, view: View) -> Array:
        """Action, shape [5], in [-1, 1]."""


class PickPlaceProgram:
    """Go to the part, grip, carry, release, retreat: decided anew from each view."""

    def __init__(self, config: ProgramConfig, motion: MotionConfig, rates: RatesConfig, gripper: GripperConfig) -> None:
        """Takes its tuning from ``config`` and the meaning of an action from the others."""
        self._config = config
        self._period = rates.tick * rates.ticks
        self._lower, self._upper = np.array(motion.workspace_lower_m), np.array(motion.workspace_upper_m)
        self._tcp_speed = motion.tcp_speed_m_s
        self._yaw_rate = motion.yaw_rate_rad_s
        self._stroke = gripper.stroke_m
        self._grip = gripper_action(-config.grip_share)

    def act(self, view: View) -> Array:
        """Action for one view."""
        if view.holding:
            return self._carry(view)
        if self._placed(view):
            return self._retreat(view)
        return self._approach(view)

    def _approach(self, view: View) -> Array:
        """Down an inverted cone over the part, going along with it, fingers opened just wider; grip when around it."""
        width, height = view.part.width, view.part.height
        grasp = view.part_position + np.array([0.0, 0.0, max(_GRASP_HEIGHT, height / 2 - 0.02)])
        aim = np.minimum(np.maximum(grasp, self._lower), self._upper)
        offset, turn = aim - view.tcp_position, view.part_yaw - view.tcp_yaw
        opening = self._opening(width + self._config.preshape_m)
        hover = self._over_others(view, height / 2 + self._config.hover_m, aim[2] - FINGER_TIPS)
        if (aim[:2] != grasp[:2]).any():  # not within reach yet: wait where it will come
            ahead = offset + _MEET * view.part_velocity + [0.0, 0.0, hover + _WAIT]
            return self._action(view, ahead, turn, opening)
        # What keeps a pad from going down beside the part: the hand is off it, or turned against it.
        sideways = float(np.hypot(offset[0], offset[1])) + 0.5 * width * abs(turn)
        if view.obstacle_height > 0.0:
            sideways += _LEAD * math.dist(view.part_velocity[:2], view.tcp_velocity[:2])
        closing = view.gripper_command < 0.0  # once begun, go through with it: no dithering at the tolerance
        tolerance = self._config.grasp_tolerance_m * (2.0 if closing else 1.0)
        if sideways < tolerance and abs(offset[2]) < tolerance:
            return self._action(view, offset, turn, self._grip, view.part_velocity)
        closed = max(0.0, width + self._config.preshape_m - view.gripper_width) / 2
        climb = self._config.cone_slope * max(0.0, sideways + closed - self._config.grasp_tolerance_m)
        offset[2] += min(climb, hover)
        if view.obstacle_height > 0.0 and climb >= hover:
            offset[2] = max(offset[2], -_GENTLY)
        return self._action(view, offset, turn, opening, view.part_velocity)

    def _carry(self, view: View) -> Array:
        """Up, over and down to the place along an inverted cone; release when there."""
        config = self._config
        offset = view.place_position - view.part_position
        turn = view.place_yaw - view.part_yaw
        sideways = float(np.hypot(offset[0], offset[1]))
        close = sideways < config.place_tolerance_m and abs(offset[2]) < config.place_tolerance_m
        if close and abs(turn) < _STRAIGHT:
            return self._action(view, np.zeros(3), 0.0, self._opening(view.gripper_width + config.release_m))
        bottom = view.part.height / 2
        hover = self._over_others(view, config.hover_m, view.place_position[2] - bottom)
        slope = config.cone_slope if view.obstacle_height == 0.0 else max(config.cone_slope, _STEEP)
        hover = max(hover, config.hover_m - offset[2] - view.part_lifted)  # over what it lay on, too
        offset[2] += min(slope * max(0.0, sideways - config.place_tolerance_m), hover)
        offset[2] -= config.place_press_m  # aimed a little below the slot's floor, the last millimetres take less long
        if sideways > config.hover_m and view.part_lifted < config.hover_m / 2:
            offset[:2] *= 0.3  # lift clear of what it lay on before crossing it
        return self._action(view, offset, turn, self._grip)

    def _over_others(self, view: View, hover: float, lowest: float) -> float:
        """Height over the aim at which to travel, m; ``lowest`` is where the lowest point is at the aim itself."""
        if view.obstacle_height == 0.0:
            return hover
        return max(hover, view.obstacle_height + ROOM - lowest)

    def _placed(self, view: View) -> bool:
        offset = view.place_position - view.part_position
        near = np.hypot(offset[0], offset[1]) < 2 * self._config.place_tolerance_m and abs(offset[2]) < 0.01
        return bool(near and abs(view.place_yaw - view.part_yaw) < 1.5 * _STRAIGHT)

    def _retreat(self, view: View) -> Array:
        opening = self._opening(view.part.width + 2 * self._config.release_m)
        free = view.gripper_width > view.part.width + self._config.release_m / 2
        return self._action(view, np.array([0.0, 0.0, self._config.retreat_m if free else 0.0]), 0.0, opening)

    def _opening(self, width: float) -> float:
        return float(np.clip(width / self._stroke, 0.0, 1.0))

    def _action(self, view: View, offset: Array, turn: float, gripper: float, target: Array = _AT_REST) -> Array:
        """Towards ``offset`` [3] m at a speed from which braking stops there, or goes on at ``target`` [3] m/s."""
        velocity = self._velocity(view, offset, target) / self._tcp_speed
        rate = np.clip(self._config.yaw_gain_per_s * turn, -self._config.yaw_rate_rad_s, self._config.yaw_rate_rad_s)
        action: Array = np.clip(np.array([*velocity, rate / self._yaw_rate, gripper]), -1.0, 1.0)
        return action

    def _velocity(self, view: View, offset: Array, target: Array) -> Array:
        """The arm goes on at its present speed while it changes to the new one: half a period of it is spoken for."""
        ahead = offset - 0.5 * self._period * (view.tcp_velocity - target)
        distance = float(np.linalg.norm(ahead))
        speed = min(self._config.speed_m_s, np.sqrt(2 * self._config.braking_m_s2 * distance), distance / self._period)
        velocity: Array = target + ahead * (speed / max(distance, 1e-9))
        # The joints change speed in step: taking on a part's speed would keep the hand from braking over the belt,
        if target.any() and self._too_fast_down(view, offset):
            velocity[:2] += (1.0 - _YIELD) * (view.tcp_velocity - velocity)[:2]
        # and a sudden way down would keep it from braking over the part.
        change = velocity - view.tcp_velocity
        most = self._config.acceleration_m_s2 * self._period
        spare = max(_LEAST * most, math.sqrt(max(0.0, most * most - change[0] ** 2 - change[1] ** 2)))
        velocity[2] = view.tcp_velocity[2] + max(change[2], -spare)
        return velocity

    def _too_fast_down(self, view: View, offset: Array) -> bool:
        """Whether stopping at the aim's height takes clearly more than the tuned deceleration."""
        down, height = max(0.0, -float(view.tcp_velocity[2])), max(0.0, -float(offset[2]))
        return down * down > 2.0 * _BRAKED * self._config.braking_m_s2 * height


class RigidProgram:
    """Taught points: believes that part and place are always where they were taught."""

    def __init__(self, law: PickPlaceProgram, part: Array, place: Array) -> None:
        """Takes taught poses ``part`` and ``place``: x, y, z of the part's centre (m) and yaw (rad), shape [4]."""
        self._law = law
        self._part = part
        self._place = place

    def act(self, view: View) -> Array:
        """Action for one view, of which only the robot's own values are used."""
        position, yaw = self._believed(view)
        taught = replace(
            view,
            part_position=position,
            part_yaw=yaw,
            part_velocity=_AT_REST,
            part_lifted=float(position[2] - self._part[2]),
            place_position=self._place[:3],
            place_yaw=float(self._place[3]),
        )
        return self._law.act(taught)

    def _believed(self, view: View) -> tuple[Array, float]:
        if view.holding:
            return view.tcp_position, view.tcp_yaw
        if np.linalg.norm(view.tcp_position - self._place[:3]) < 0.06 and view.gripper_command > 0.0:
            return self._place[:3], float(self._place[3])
        return self._part[:3], float(self._part[3])


def load_program_config(name: str) -> ProgramConfig:
    """Tuning of a program, by name or file."""
    return load(ProgramConfig, "programs", name)
