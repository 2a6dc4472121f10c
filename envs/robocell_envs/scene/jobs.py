"""The jobs of a recipe: one for each part, with where it comes from and where it goes, drawn from one seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robocell_controller.arm.stations import BeltConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.cell.recipe import BinConfig, RecipeConfig, load_recipe
from robocell_controller.contract import Array
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import SimulationConfig, SupplyConfig
from robocell_envs.scene.parts import Part
from robocell_envs.scene.variants import VariantConfig, draw_variant, load_variants

TRAY_HEIGHT = 0.005  # m, thickness of the floor of trays and bins
_STREAMS = 1  # sets these streams apart from those of the scenario
_ENTRY = 0.04  # m from the belt's start, where parts come onto it
_OVER_RIM = 0.005  # m, from where a part is let fall into a bin


@dataclass(frozen=True, slots=True)
class Work:
    """A recipe with all that is needed to draw its jobs."""

    recipe: RecipeConfig
    variants: dict[str, VariantConfig]
    supply: SupplyConfig
    belt: BeltConfig | None


@dataclass(frozen=True, slots=True)
class Job:
    """One part of a recipe. Frame ``base``.

    Attributes:
        part: the part.
        variant: its name.
        position: [3] m, of its centre where it waits, or comes onto the belt.
        yaw: rad, there.
        arrival: way of the belt until it comes, m; 0 for a part that waits.
        station: name of the tray or bin where it belongs.
        slot: place there.
        slot_position: [3] m, where its bottom face is to be when it is let go.
        slot_yaw: rad.
        bin: that it belongs into, if it does.
    """

    part: Part
    variant: str
    position: Array
    yaw: float
    arrival: float
    station: str
    slot: int
    slot_position: Array
    slot_yaw: float
    bin: BinConfig | None


def recipe_work(cell: CellConfig, config: SimulationConfig) -> Work | None:
    """The checked recipe of a cell and all that its parts are drawn from; None for a cell without a recipe.

    Raises:
        InputError: see :func:`load_variants` and ``robocell_controller.cell.recipe.load_recipe``.
    """
    if config.recipe is None or config.supply is None:
        return None
    robot = cell.load_robot()
    recipe = load_recipe(config.recipe, cell.belt, cell.motion, robot)
    if (config.supply.spacing_m is None) != (cell.belt is None):
        raise InputError(
            "cell: simulation.supply.spacing_m", f"{config.supply.spacing_m}", "a range if there is a belt"
        )
    return Work(recipe, load_variants(recipe, config.supply, robot.gripper), config.supply, cell.belt)


def draw_jobs(work: Work, seed: int) -> tuple[Job, ...]:
    """The jobs in the order in which they are to be done; parts, poses and order have a stream each."""
    part_stream, pose_stream, order_stream = (
        np.random.default_rng(child) for child in np.random.SeedSequence([seed, _STREAMS]).spawn(3)
    )
    lines = [line for line, each in enumerate(work.recipe.order) for _ in each.slots]
    if work.recipe.shuffled:
        order_stream.shuffle(lines)
    plan, arrival, jobs = _Plan(work.recipe), 0.0, []
    for index, line in enumerate(lines):
        variant = work.recipe.order[line].variant
        part = draw_variant(work.variants[variant], work.supply, part_stream)
        position, yaw = _waiting(work, index, part, pose_stream)
        if work.supply.spacing_m and index:
            arrival += pose_stream.uniform(work.supply.spacing_m[0], work.supply.spacing_m[1])
        jobs.append(Job(part, variant, position, yaw, arrival, *plan.goal(line, part)))
    return tuple(jobs)


class _Plan:
    """Gives each part its place: slots in the order of the line, the places of the bin in turn."""

    def __init__(self, recipe: RecipeConfig) -> None:
        self._recipe = recipe
        self._done = [0] * len(recipe.order)
        self._rejected = 0

    def goal(self, line: int, part: Part) -> tuple[str, int, Array, float, BinConfig | None]:
        """Station, place in it, where the part is to be let go, yaw there, and the bin if it is one."""
        recipe = self._recipe
        if recipe.rejects is not None and part.defective:
            box, index = recipe.bins[recipe.rejects], self._rejected % recipe.bins[recipe.rejects].places
            self._rejected += 1
            height = box.wall_height_m + _OVER_RIM
            return recipe.rejects, index, np.array([*box.place(index), height]), box.yaw_rad, box
        tray, slot = recipe.order[line].tray, recipe.order[line].slots[self._done[line]]
        self._done[line] += 1
        pattern = recipe.trays[tray]
        return tray, slot, np.array([*pattern.place(slot), TRAY_HEIGHT]), pattern.yaw_rad, None


def _waiting(work: Work, index: int, part: Part, stream: np.random.Generator) -> tuple[Array, float]:
    """Where a part waits or comes onto the belt: position [3] m and yaw."""
    scatter, belt, infeed = work.supply.scatter_m, work.belt, work.recipe.infeed
    ahead, aside = stream.uniform(-scatter, scatter, 2)
    yaw = stream.uniform(work.supply.yaw_rad[0], work.supply.yaw_rad[1])
    if infeed:
        x, y = infeed.place(index)
        return np.array([x + ahead, y + aside, part.height / 2]), infeed.yaw_rad + yaw
    assert belt is not None  # the recipe has been checked
    start = _ENTRY - belt.length_m / 2
    cos, sin = math.cos(belt.direction_rad), math.sin(belt.direction_rad)
    x, y = belt.centre_m[0] + start * cos - aside * sin, belt.centre_m[1] + start * sin + aside * cos
    return np.array([x, y, belt.centre_m[2] + part.height / 2]), belt.direction_rad + yaw
