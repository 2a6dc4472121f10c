"""Faults of the cell: their schema, and how they and the moments when they set in are drawn for an episode."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Interval, Len
from pydantic import Field, model_validator

from robocell_controller.config import Config
from robocell_controller.contract import JOINTS, Array
from robocell_envs.config.ranges import NotNegativeRange, RangeOf, ShareRange

# An encoder or a payload (3 kg at most) that is further off stops a real arm; setpoints a second late control nothing.
OffsetRange = RangeOf[Annotated[float, Interval(ge=-0.1, le=0.1)]]
PayloadRange = RangeOf[Annotated[float, Interval(ge=-3.0, le=3.0)]]
DelayRange = RangeOf[Annotated[float, Interval(ge=0.0, le=1000.0)]]
PerJointRanges = Annotated[list[OffsetRange], Len(JOINTS, JOINTS)]
NotNegativePerJointRanges = Annotated[list[NotNegativeRange], Len(JOINTS, JOINTS)]
SensorName = Literal["joints", "gripper", "tracker", "belt"]
_WHOLE = [1.0, 1.0]
_NONE = [0.0, 0.0]
_SLIDING_SPEED = 0.02  # rad/s, from which on friction is near Coulomb's; the smooth step keeps it from chattering


class FaultsConfig(Config):
    """The section ``simulation.faults``; what is not named is sound.

    Attributes:
        gripper_force_share: share of the commanded force that a worn gripper exerts.
        pad_friction_share: share of the finger pads' friction that is left.
        joint_friction_n_m: of each joint, on top of what the drive knows.
        encoder_offset_rad: of each joint, measured − true; the drive follows its encoder too.
        payload_error_kg: payload that the drives are set to − the true one, at the TCP.
        actuation_delay_ms: that the drives get their setpoints late; rounded to whole controller ticks.
        belt_speed_share: share of the drum's speed at which the belt runs; its encoder sits on the drum.
        belt_friction_share: share of the belt's friction against parts that is left.
        stuck_sensors: repeat their last value as if it were new.
        silent_sensors: send nothing new.
    """

    gripper_force_share: ShareRange = _WHOLE
    pad_friction_share: ShareRange = _WHOLE
    joint_friction_n_m: NotNegativePerJointRanges = [_NONE] * JOINTS
    encoder_offset_rad: PerJointRanges = [_NONE] * JOINTS
    payload_error_kg: PayloadRange = _NONE
    actuation_delay_ms: DelayRange = _NONE
    belt_speed_share: ShareRange = _WHOLE
    belt_friction_share: ShareRange = _WHOLE
    stuck_sensors: list[SensorName] = Field(default_factory=list)
    silent_sensors: list[SensorName] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way(self) -> FaultsConfig:
        if set(self.stuck_sensors) & set(self.silent_sensors):
            raise ValueError("a sensor to be stuck or silent, not both")
        return self


class EventConfig(Config):
    """One entry of ``simulation.events``: from ``at_s`` after the part's appearance on, the named faults change."""

    at_s: NotNegativeRange
    faults: FaultsConfig


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults in force; fields and units as in :class:`FaultsConfig`, values per joint of length 7."""

    gripper_force_share: float = 1.0
    pad_friction_share: float = 1.0
    joint_friction_n_m: tuple[float, ...] = (0.0,) * JOINTS
    encoder_offset_rad: tuple[float, ...] = (0.0,) * JOINTS
    payload_error_kg: float = 0.0
    actuation_delay_ms: float = 0.0
    belt_speed_share: float = 1.0
    belt_friction_share: float = 1.0
    stuck_sensors: tuple[str, ...] = ()
    silent_sensors: tuple[str, ...] = ()


SOUND = Faults()


@dataclass(frozen=True, slots=True)
class Onset:
    """From ``at`` s after the part's appearance on, ``faults`` are in force."""

    at: float
    faults: Faults


Timeline = tuple[Onset, ...]  # in order of time; the first at 0
ALL_SOUND: Timeline = (Onset(0.0, SOUND),)


def draw_timeline(config: FaultsConfig, events: list[EventConfig], seed: np.random.SeedSequence) -> Timeline:
    """The faults of one episode; each event has its own stream, so that adding one shifts no other."""
    if not (config.model_fields_set or events):
        return ALL_SOUND
    first, *streams = (np.random.default_rng(child) for child in seed.spawn(1 + len(events)))
    later = [(_value(event.at_s, stream), event.faults, stream) for event, stream in zip(events, streams, strict=True)]
    timeline, faults = [], SOUND
    for at, changes, stream in [(0.0, config, first), *sorted(later, key=lambda entry: entry[0])]:
        faults = _changed(faults, changes, stream)
        timeline.append(Onset(at, faults))
    return tuple(timeline)


def first_tick(at: float, tick: float) -> int:
    """Number of the first controller tick (period ``tick`` s) that starts at ``at`` s or later."""
    return math.ceil(at / tick - 1e-6)


def friction_torque(faults: Faults, dq: Array) -> Array:
    """Coulomb friction of the joints that a drive has to overcome at the speeds ``dq`` [7] rad/s, [7] N·m."""
    torque: Array = np.array(faults.joint_friction_n_m) * np.tanh(dq / _SLIDING_SPEED)
    return torque


def _changed(faults: Faults, config: FaultsConfig, stream: np.random.Generator) -> Faults:
    """The faults with what ``config`` names drawn anew; every key takes its numbers, named or not."""
    values: dict[str, Any] = {key: _value(getattr(config, key), stream) for key in FaultsConfig.model_fields}
    return replace(faults, **{key: values[key] for key in config.model_fields_set})


def _value(config: list[Any], stream: np.random.Generator) -> Any:
    """A number from a range, seven from seven ranges, names as they are."""
    if not config or isinstance(config[0], str):
        return tuple(config)
    if isinstance(config[0], list):
        return tuple(stream.uniform(low, high) for low, high in config)
    return stream.uniform(*config)
