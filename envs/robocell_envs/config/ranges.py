"""Ranges in configs: [lower, upper], from which a value is drawn uniformly; equal bounds fix it."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le, Len
from pydantic import AfterValidator

from robocell_controller.arm.robot import Positive


def _ordered(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound first")
    return bounds


NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Range = Annotated[list[float], Len(2, 2), AfterValidator(_ordered)]
PositiveRange = Annotated[list[Positive], Len(2, 2), AfterValidator(_ordered)]
NotNegativeRange = Annotated[list[NotNegative], Len(2, 2), AfterValidator(_ordered)]
ShareRange = Annotated[list[Share], Len(2, 2), AfterValidator(_ordered)]
