"""Part variants by name, from ``configs/parts/*.yaml``, and the parts of a recipe drawn from them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, Len

from robocell_controller.arm.robot import GripperConfig, Positive
from robocell_controller.cell.recipe import RecipeConfig
from robocell_controller.config import Config, load
from robocell_controller.errors import InputError
from robocell_envs.config.ranges import PositiveRange
from robocell_envs.config.simulation import SupplyConfig
from robocell_envs.scene.parts import UNCERTAINTY, Part, mass

_MARK = 0.35  # share of its colour that a defective part keeps


class VariantConfig(Config):
    """One file of ``configs/parts/``: nominal sizes, and ranges of what differs from part to part."""

    kind: Literal["box", "cylinder", "prism"]
    width_m: Positive
    height_m: Positive
    density_kg_m3: PositiveRange
    friction: PositiveRange
    crush_force_n: PositiveRange
    colour_rgb: Annotated[list[Annotated[float, Interval(ge=0, le=1)]], Len(3, 3)]


def load_variants(recipe: RecipeConfig, gripper: GripperConfig) -> dict[str, VariantConfig]:
    """The variants that a recipe names.

    Raises:
        InputError: missing, malformed, or wider than the gripper opens.
    """
    variants = {}
    for name in dict.fromkeys(line.variant for line in recipe.order):
        variant = variants[name] = load(VariantConfig, "parts", name)
        if variant.width_m >= gripper.stroke_m:
            raise InputError(
                f"parts: {name}: width_m", f"{variant.width_m}", f"less than the {gripper.stroke_m} m grip"
            )
    return variants


def draw_variant(variant: VariantConfig, supply: SupplyConfig, stream: np.random.Generator) -> Part:
    """A part of a variant. A defective one is wider than the recipe says, and dark."""
    density, friction, crush_force = (
        stream.uniform(low, high) for low, high in (variant.density_kg_m3, variant.friction, variant.crush_force_n)
    )
    told = crush_force * stream.uniform(1.0 - UNCERTAINTY, 1.0 + UNCERTAINTY)
    chance, oversize = stream.random(), stream.uniform(supply.oversize_m[0], supply.oversize_m[1])
    oversize, shade = (oversize, _MARK) if chance < supply.defects else (0.0, 1.0)
    width, height = variant.width_m + oversize, variant.height_m
    red, green, blue = (shade * channel for channel in variant.colour_rgb)
    weight = mass(variant.kind, width, height, density)
    return Part(variant.kind, width, height, weight, friction, crush_force, told, (red, green, blue), oversize)
