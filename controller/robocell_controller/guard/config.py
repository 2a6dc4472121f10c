"""The bounds of the guard as data, from ``configs/guards/*.yaml``."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Gt, Len
from pydantic import model_validator

from robocell_controller.arm.robot import Positive, PositivePerJoint
from robocell_controller.config import Config
from robocell_controller.guard.supervisor import SupervisorConfig

_Vector = Annotated[list[float], Len(3, 3)]


class PlaneConfig(Config):
    """All points p with ``normal``·p ≥ ``offset_m``, frame ``base``; the normal has length 1."""

    name: str
    normal: _Vector
    offset_m: float

    @model_validator(mode="after")
    def _unit(self) -> PlaneConfig:
        if abs(math.hypot(*self.normal) - 1.0) > 1e-6:
            raise ValueError("normal to have length 1")
        return self


class GuardConfig(Config):
    """Box of the TCP, planes, clearances, what counts as a contact or as too old, and when to trust the policy less."""

    tcp_lower_m: _Vector
    tcp_upper_m: _Vector
    planes: list[PlaneConfig]
    plane_clearance_m: Annotated[float, Ge(0)]
    self_clearance_m: Annotated[float, Ge(0)]
    contact_torque_n_m: PositivePerJoint
    contact_ticks: Annotated[int, Gt(0)]
    state_age_ms: Positive
    supervisor: SupervisorConfig

    @model_validator(mode="after")
    def _box(self) -> GuardConfig:
        if any(low >= high for low, high in zip(self.tcp_lower_m, self.tcp_upper_m, strict=True)):
            raise ValueError("tcp_lower_m to be below tcp_upper_m on every axis")
        return self
