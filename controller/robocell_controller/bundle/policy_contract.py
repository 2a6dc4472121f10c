"""The contract that travels with a policy: what its numbers mean, checked against controller and cell."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Len
from pydantic import model_validator

from robocell_controller.arm.motion import MotionConfig, RatesConfig
from robocell_controller.arm.robot import PerJoint, PositivePerJoint, RobotConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config
from robocell_controller.contract import ACTION_NAMES
from robocell_controller.path.observer import FEATURES, OBSERVATION_SIZE
from robocell_controller.trust.canonical import json_bytes
from robocell_controller.trust.refusals import Code, RefusedError

FRAMES = {"observation": "base", "action": "base", "yaw": "about base z"}
_MARGIN = 0.1  # of the training envelope, of the recorded span
PerFeature = Annotated[list[float], Len(OBSERVATION_SIZE, OBSERVATION_SIZE)]
_CODES = {
    "observation": Code.CONTRACT_OBSERVATION,
    "action": Code.CONTRACT_ACTION,
    "frames": Code.CONTRACT_FRAMES,
    "robot": Code.CONTRACT_ROBOT,
    "robot_kinematics_sha256": Code.CONTRACT_ROBOT,
    "rates": Code.CONTRACT_RATES,
    "motion": Code.CONTRACT_MOTION,
}


class FeatureConfig(Config):
    """One entry of the observation, see ``observer.Feature``."""

    name: str
    unit: str
    scale: float
    clip: float


class SafetyEnvelope(Config):
    """The joint limits that the policy asks for: those it was trained under."""

    joint_position_lower_rad: PerJoint
    joint_position_upper_rad: PerJoint
    joint_velocity_rad_s: PositivePerJoint
    joint_acceleration_rad_s2: PositivePerJoint
    joint_jerk_rad_s3: PositivePerJoint
    joint_torque_n_m: PositivePerJoint


class TrainingEnvelope(Config):
    """Least and greatest value of each entry of the observation in recorded operation, and a tenth more."""

    lower: PerFeature
    upper: PerFeature

    @model_validator(mode="after")
    def _ordered(self) -> TrainingEnvelope:
        if any(low > high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError("lower to be at most upper in every entry")
        return self


class Contract(Config):
    """Robot, rates, motion, and name, unit, scale and bound of every number, in order."""

    schema_version: Literal[2] = 2
    cell: str
    robot: str
    robot_kinematics_sha256: str
    rates: RatesConfig
    motion: MotionConfig
    frames: dict[str, str]
    observation: list[FeatureConfig]
    action: list[str]
    safety_envelope: SafetyEnvelope
    training_envelope: TrainingEnvelope


def own_contract(cell: CellConfig, name: str, envelope: TrainingEnvelope) -> Contract:
    """The contract of a policy trained in ``cell``, known as ``name``, with this version of the code."""
    robot = cell.load_robot()
    return Contract(
        cell=name,
        robot=robot.name,
        robot_kinematics_sha256=_kinematics(robot),
        rates=cell.rates,
        motion=cell.motion,
        frames=FRAMES,
        observation=_features(),
        action=list(ACTION_NAMES),
        safety_envelope=SafetyEnvelope(**{key: getattr(robot, key) for key in SafetyEnvelope.model_fields}),
        training_envelope=envelope,
    )


def training_envelope(observations: npt.NDArray[np.float32]) -> TrainingEnvelope:
    """Bounds of recorded ``observations``, [n, OBSERVATION_SIZE], with a margin: no short record holds the extremes."""
    lower, upper = observations.min(axis=0), observations.max(axis=0)
    margin = _MARGIN * (upper - lower)
    return TrainingEnvelope(lower=(lower - margin).tolist(), upper=(upper + margin).tolist())


def check_contract(path: Path, contract: Contract, cell: CellConfig | None) -> None:
    """Compares a contract with this controller's observer and actions and, where there is one, with the cell.

    Raises:
        RefusedError: names the first field of the file ``path`` that differs, or asks for more than the cell allows.
    """
    own = contract.model_copy(update={"observation": _features(), "action": list(ACTION_NAMES), "frames": FRAMES})
    _check_equal(path, contract, own, "this controller")
    if cell is not None:
        own = own_contract(cell, contract.cell, contract.training_envelope)
        asked = contract.safety_envelope
        _check_equal(path, contract, own.model_copy(update={"safety_envelope": asked}), "this cell")
        _check_envelope(path, asked, own.safety_envelope)


def _features() -> list[FeatureConfig]:
    return [FeatureConfig(name=f.name, unit=f.unit, scale=f.scale, clip=f.clip) for f in FEATURES]


def _kinematics(robot: RobotConfig) -> str:
    """Identity of an arm: its name is a word, where its axes are gives poses their meaning."""
    fields = {"joint_placements_rpy_xyz", "hand_placement_rpy_xyz", "tcp_placement_rpy_xyz"}
    identity = {**robot.model_dump(include=fields), "stroke_m": robot.gripper.stroke_m}
    return hashlib.sha256(json_bytes(identity)).hexdigest()


def _check_envelope(path: Path, asked: SafetyEnvelope, allowed: SafetyEnvelope) -> None:
    for key in SafetyEnvelope.model_fields:
        least = key.endswith("_lower_rad")
        for joint, (want, limit) in enumerate(zip(getattr(asked, key), getattr(allowed, key), strict=True)):
            if (want < limit) if least else (want > limit):
                bound = "at least" if least else "at most"
                place = f"{path}: safety_envelope.{key}.{joint}"
                raise RefusedError(Code.CONTRACT_WIDER, place, str(want), f"{bound} {limit}, as this cell allows")


def _check_equal(path: Path, contract: Contract, own: Contract, owner: str) -> None:
    difference = _difference("", contract.model_dump(), own.model_dump())
    if difference:
        place, found, expected = difference
        place = place.lstrip(".")
        code = _CODES[place.partition(".")[0]]
        raise RefusedError(code, f"{path}: {place}", repr(found)[:80], f"{expected!r}, as {owner} has it")


def _difference(place: str, found: Any, expected: Any) -> tuple[str, Any, Any] | None:
    """Place, value found and value expected where two nested values first differ."""
    if isinstance(found, dict):
        if found.keys() != expected.keys():
            return place, sorted(found), sorted(expected)
        pairs = [(f"{place}.{key}", found[key], expected[key]) for key in found]
    elif isinstance(found, list):
        if len(found) != len(expected):
            return place, f"{len(found)} entries", f"{len(expected)} entries"
        pairs = [(f"{place}.{i}", a, b) for i, (a, b) in enumerate(zip(found, expected, strict=True))]
    else:
        return None if found == expected else (place, found, expected)
    return next((hit for pair in pairs if (hit := _difference(*pair))), None)
