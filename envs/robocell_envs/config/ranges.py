"""Ranges in configs: [lower, upper], from which a value is drawn uniformly; equal bounds fix it."""

from __future__ import annotations

import math
from typing import Annotated, TypeVar

from annotated_types import Ge, Interval, Le, Len
from pydantic import AfterValidator

from robocell_controller.arm.robot import Positive

TURN = 2.0 * math.pi


def _ordered(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound first")
    return bounds


Number = TypeVar("Number")
RangeOf = Annotated[list[Number], Len(2, 2), AfterValidator(_ordered)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Range = RangeOf[float]
PositiveRange = RangeOf[Positive]
NotNegativeRange = RangeOf[NotNegative]
ShareRange = RangeOf[Share]
Angle = Annotated[float, Interval(ge=-TURN, le=TURN)]  # rad
AngleRange = RangeOf[Angle]

# What hand and solver can handle, tried with `program:guided` on eight parts each, other sizes being 40 mm at 1 g/cm³.
# Narrower than 16 mm parts are lost, lower than 10 mm the fingers don't reach them; 0.2 m is the tallest tried. What
# matters of the density is the mass, see ``robocell_envs.scene.feasibility``; here it ends at osmium's, and at foam's.
Width = Annotated[float, Ge(0.015)]  # m; the most is the gripper's
Height = Annotated[float, Interval(ge=0.010, le=0.20)]  # m
Density = Annotated[float, Interval(ge=10.0, le=22_600.0)]  # kg/m³
# Coulomb's, between two surfaces. Nothing that a hand could hold is smoother, and clean rubber grips with up to 2.
Friction = Annotated[float, Interval(ge=0.01, le=2.0)]
CrushForce = Annotated[float, Ge(1.0)]  # N; the lightest grip is of 10 N
WidthRange = RangeOf[Width]
HeightRange = RangeOf[Height]
DensityRange = RangeOf[Density]
FrictionRange = RangeOf[Friction]
CrushForceRange = RangeOf[CrushForce]
