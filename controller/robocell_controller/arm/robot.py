"""The robot as data: its limits, kinematics and gripper, from ``configs/robots/*.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval, Len
from pydantic import ValidationInfo, field_validator

from robocell_controller.config import Config
from robocell_controller.contract import JOINTS, Array

PerJoint = Annotated[list[float], Len(JOINTS, JOINTS)]
PositivePerJoint = Annotated[list[Annotated[float, Gt(0)]], Len(JOINTS, JOINTS)]
Placement = Annotated[list[float], Len(6, 6)]
Inertial = Annotated[list[float], Len(10, 10)]
Positive = Annotated[float, Gt(0)]


class GripperConfig(Config):
    """A parallel gripper: stroke, speed and force of its data sheet, and its finger pads."""

    stroke_m: Positive
    finger_speed_m_s: Positive
    force_min_n: Positive
    force_max_n: Positive
    finger_mass_kg: Positive
    pad_size_m: Annotated[list[float], Len(3, 3)]
    pad_friction: Positive

    @field_validator("force_max_n")
    @classmethod
    def _above_least(cls, most: float, known: ValidationInfo) -> float:
        if most < known.data.get("force_min_n", 0.0):
            raise ValueError("no less than force_min_n")
        return most


class CapsuleConfig(Config):
    """A capsule around a link: ends in the frame of the joint that moves it (0: the base), m."""

    joint: Annotated[int, Interval(ge=0, le=JOINTS)]
    ends_m: Annotated[list[Annotated[list[float], Len(3, 3)]], Len(2, 2)]
    radius_m: Positive


class BoxConfig(Config):
    """A box fixed to the hand, in the hand's frame, m."""

    size_m: Annotated[list[Positive], Len(3, 3)]
    centre_m: Annotated[list[float], Len(3, 3)]


@dataclass(frozen=True, slots=True)
class JointLimits:
    """Data-sheet limits as arrays of shape [7]: rad, rad/s, rad/s², rad/s³, N·m."""

    lower: Array
    upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array
    torque: Array


class RobotConfig(Config):
    """One arm: a second one is another file of this schema."""

    name: str
    urdf: str
    joint_position_lower_rad: PerJoint
    joint_position_upper_rad: PerJoint
    joint_velocity_rad_s: PositivePerJoint
    joint_acceleration_rad_s2: PositivePerJoint
    joint_jerk_rad_s3: PositivePerJoint
    joint_torque_n_m: PositivePerJoint
    joint_stiffness_n_m_rad: PositivePerJoint
    tcp_speed_m_s: Positive
    joint_placements_rpy_xyz: Annotated[list[Placement], Len(JOINTS, JOINTS)]
    hand_placement_rpy_xyz: Placement
    tcp_placement_rpy_xyz: Placement
    rest_posture_rad: PerJoint
    link_inertials: dict[str, Inertial]
    link_capsules: list[CapsuleConfig]
    hand_boxes: list[BoxConfig]
    gripper: GripperConfig

    @field_validator("joint_position_upper_rad")
    @classmethod
    def _above_lower(cls, upper: list[float], known: ValidationInfo) -> list[float]:
        if any(low >= high for low, high in zip(known.data.get("joint_position_lower_rad", []), upper, strict=False)):
            raise ValueError("more than joint_position_lower_rad in each joint")
        return upper

    @cached_property
    def limits(self) -> JointLimits:
        """The limits as arrays."""
        return JointLimits(
            lower=np.array(self.joint_position_lower_rad),
            upper=np.array(self.joint_position_upper_rad),
            velocity=np.array(self.joint_velocity_rad_s),
            acceleration=np.array(self.joint_acceleration_rad_s2),
            jerk=np.array(self.joint_jerk_rad_s3),
            torque=np.array(self.joint_torque_n_m),
        )
