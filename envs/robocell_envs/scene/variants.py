"""Part variants by name, from ``configs/parts/*.yaml``, and the parts of a recipe drawn from them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, Len

from robocell_controller.arm.robot import GripperConfig
from robocell_controller.cell.recipe import RecipeConfig
from robocell_controller.config import Config, load, locate
from robocell_envs.config.ranges import CrushForceRange, DensityRange, FrictionRange, Height, Width
from robocell_envs.config.simulation import SupplyConfig
from robocell_envs.scene.feasibility import check_grip
from robocell_envs.scene.parts import UNCERTAINTY, Part, mass

_MARK = 0.35  # share of its colour that a defective part keeps


class VariantConfig(Config):
    """One file of ``configs/parts/``: nominal sizes, and ranges of what differs from part to part."""

    kind: Literal["box", "cylinder", "prism"]
    width_m: Width
    height_m: Height
    density_kg_m3: DensityRange
    friction: FrictionRange
    crush_force_n: CrushForceRange
    colour_rgb: Annotated[list[Annotated[float, Interval(ge=0, le=1)]], Len(3, 3)]


def load_variants(recipe: RecipeConfig, supply: SupplyConfig, gripper: GripperConfig) -> dict[str, VariantConfig]:
    """The variants that a recipe names.

    Raises:
        InputError: missing, malformed, or what this hand can't hold, see :func:`check_grip`.
    """
    variants = {}
    for name in dict.fromkeys(line.variant for line in recipe.order):
        path = locate("parts", name)
        variant = variants[name] = load(VariantConfig, "parts", path)
        widest = variant.width_m + (supply.oversize_m[1] if supply.defects else 0.0)
        sizes = (variant.width_m, widest), (variant.height_m, variant.height_m)
        check_grip([variant.kind], *sizes, variant.density_kg_m3, gripper, f"{path}: ")
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
