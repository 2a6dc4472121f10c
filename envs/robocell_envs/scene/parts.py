"""Parts: their kinds and what they weigh."""

from __future__ import annotations

import math
from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np

from robocell_controller.contract import PartInfo
from robocell_envs.config.simulation import PartConfig

# Symmetry (see ``PartInfo``) and area of the section, as a share of the square of the width, of each kind.
_KINDS = {"box": (4, 1.0), "cylinder": (0, math.pi / 4), "prism": (6, math.sqrt(3) / 2)}
UNCERTAINTY = 0.3  # of the recipe's word on the crush force


@dataclass(frozen=True, slots=True)
class Part:
    """An upright part.

    Attributes:
        kind: ``box`` of square section, ``cylinder``, or ``prism`` with six sides.
        width: between two opposite faces, m; of a cylinder its diameter.
        height: m.
        mass: kg.
        friction: against rubber.
        crush_force: force of a finger above which it is scrap, N.
        told_crush_force: what the recipe says of that, N.
        colour: red, green, blue.
        oversize: by which it is wider than the recipe says, m: that of a defective part.
    """

    kind: str
    width: float
    height: float
    mass: float
    friction: float
    crush_force: float
    told_crush_force: float
    colour: tuple[float, float, float]
    oversize: float = 0.0

    @property
    def defective(self) -> bool:
        """Whether it belongs among the rejects."""
        return self.oversize != 0.0

    @property
    def info(self) -> PartInfo:
        """What the recipe tells."""
        return PartInfo(self.width - self.oversize, self.height, self.symmetry, self.told_crush_force)

    @property
    def symmetry(self) -> int:
        """In how many yaws it looks the same, see ``PartInfo``."""
        return _KINDS[self.kind][0]


def draw_part(config: PartConfig, stream: np.random.Generator) -> Part:
    """A part within the ranges of ``config``."""
    kind = config.kinds[int(stream.integers(len(config.kinds)))]
    width, height, density, friction, crush_force = (
        stream.uniform(low, high)
        for low, high in (
            config.width_m,
            config.height_m,
            config.density_kg_m3,
            config.friction,
            config.crush_force_n,
        )
    )
    told = crush_force * stream.uniform(1.0 - UNCERTAINTY, 1.0 + UNCERTAINTY)
    colour = hsv_to_rgb(stream.random(), stream.uniform(0.65, 0.85), stream.uniform(0.75, 0.95))
    return Part(kind, width, height, mass(kind, width, height, density), friction, crush_force, told, colour)


def mass(kind: str, width: float, height: float, density: float) -> float:
    """Mass of a solid part, kg; ``width`` and ``height`` in m, ``density`` in kg/m³."""
    return density * _KINDS[kind][1] * width**2 * height
