"""Recipes: what goes where and in which order, from ``configs/recipes/*.yaml``. Frame ``base``."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Len
from pydantic import model_validator

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.motion import MotionConfig
from robocell_controller.arm.robot import Positive, RobotConfig
from robocell_controller.arm.stations import POST_WIDTH, BeltConfig, CameraMountConfig, Point
from robocell_controller.config import Config, load, locate
from robocell_controller.contract import Array
from robocell_controller.errors import InputError

_REST_HEIGHT = 0.03  # m over a place's floor, where the TCP is to be while it sets a part down
_PART_HEIGHT = 0.06  # m, of the tallest parts: their tops are to be seen too
_OVER_ARM = 0.5  # m over the workspace, which wrist and forearm of an arm that works in it stay below
_HAND_REACH = 0.12  # m around the TCP: half an open hand
_STEPS = 20  # along a belt
Count = Annotated[int, Gt(0)]


class PatternConfig(Config):
    """Places in rows (along x at yaw 0) and columns (along y); place 0 is that of least x and y, then along the row."""

    centre_m: Annotated[list[float], Len(2, 2)]
    yaw_rad: float
    rows: Count
    columns: Count
    pitch_m: Annotated[list[Positive], Len(2, 2)]

    @property
    def places(self) -> int:
        """How many there are."""
        return self.rows * self.columns

    @property
    def size(self) -> tuple[float, float]:
        """Outer size along rows' and columns' directions, m."""
        return self.rows * self.pitch_m[0], self.columns * self.pitch_m[1]

    def place(self, index: int) -> tuple[float, float]:
        """Centre of a place, x and y in m."""
        row, column = divmod(index, self.columns)
        ahead = (row - (self.rows - 1) / 2) * self.pitch_m[0]
        aside = (column - (self.columns - 1) / 2) * self.pitch_m[1]
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return self.centre_m[0] + cos * ahead - sin * aside, self.centre_m[1] + sin * ahead + cos * aside

    def covers(self, position: Point) -> bool:
        """Whether a position [3] m is over the station."""
        x, y = position[0] - self.centre_m[0], position[1] - self.centre_m[1]
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return abs(cos * x + sin * y) < self.size[0] / 2 and abs(cos * y - sin * x) < self.size[1] / 2


class BinConfig(PatternConfig):
    """A box with walls, into which parts are let fall at the places of its pattern in turn."""

    wall_height_m: Positive


class LineConfig(Config):
    """One line of a recipe: a part of ``variant`` for each of the ``slots`` of ``tray``, in this order."""

    variant: str
    tray: str
    slots: Annotated[list[Annotated[int, Ge(0)]], Len(1)]


class RecipeConfig(Config):
    """One file of ``configs/recipes/``.

    Parts wait in the places of ``infeed``, or come on the cell's belt if there is none; ``shuffled`` mixes the lines'
    parts. ``camera`` tells where the tracker's camera hangs; it must see wherever parts are picked. A slot that is
    named again is one of the next tray: the full one is exchanged. Defective parts go to the bin ``rejects``, and
    their slot is kept for the line's next part; without ``rejects`` nobody looks for defects. With ``belt_stops`` the
    belt halts when the part whose turn it is passes its middle, until that part is lifted off.
    """

    trays: Annotated[dict[str, PatternConfig], Len(1)]
    bins: dict[str, BinConfig]
    infeed: PatternConfig | None
    shuffled: bool
    rejects: str | None
    order: Annotated[list[LineConfig], Len(1)]
    belt_stops: bool = False
    camera: CameraMountConfig | None = None

    @property
    def parts(self) -> int:
        """How many parts the recipe asks for."""
        return sum(len(line.slots) for line in self.order)

    @property
    def stations(self) -> dict[str, PatternConfig]:
        """Trays, bins and infeed by name."""
        infeed = {"infeed": self.infeed} if self.infeed else {}
        return {**self.trays, **self.bins, **infeed}

    @model_validator(mode="after")
    def _names(self) -> RecipeConfig:
        if self.rejects is not None and self.rejects not in self.bins:
            raise ValueError(f"rejects: {self.rejects!r} to be one of the bins {', '.join(self.bins) or '(none)'}")
        if len(self.stations) < len(self.trays) + len(self.bins) + bool(self.infeed):
            raise ValueError("a name of its own for each tray and bin, and none called infeed")
        return self

    @model_validator(mode="after")
    def _slots(self) -> RecipeConfig:
        for number, line in enumerate(self.order):
            if line.tray not in self.trays:
                raise ValueError(f"order[{number}].tray: {line.tray!r} to be one of {', '.join(self.trays)}")
            most = self.trays[line.tray].places
            for slot in line.slots:
                if slot >= most or line.slots.count(slot) > 1:
                    raise ValueError(f"order[{number}].slots: {slot} to be one of 0 to {most - 1}, and named once")
        if self.infeed and self.belt_stops:
            raise ValueError("belt_stops: true to go with parts that come on a belt, not by infeed")
        if self.infeed and self.infeed.places < self.parts:
            raise ValueError(f"infeed: {self.infeed.places} places to be enough for {self.parts} parts")
        return self


def load_recipe(name_or_path: str, belt: BeltConfig | None, motion: MotionConfig, robot: RobotConfig) -> RecipeConfig:
    """Finds, reads and checks a recipe for a cell.

    Raises:
        InputError: malformed; unknown variant, tray, slot or bin; overlapping stations; a place out of reach; a camera
            in the arm's way, or that does not see where parts are picked; parts that come neither by ``infeed`` nor by
            belt, or by both.
    """
    path = locate("recipes", name_or_path)
    recipe = load(RecipeConfig, "recipes", path)
    if (recipe.infeed is None) == (belt is None):
        raise InputError(f"{path}: infeed", "parts by both or neither", "an infeed, or a cell with a belt")
    _check_overlaps(recipe, belt, str(path))
    _check_reach(recipe, motion, Kinematics(robot), str(path))
    if recipe.camera:
        _check_mount(recipe.camera, motion, f"{path}: camera")
        _check_sight(recipe.camera, _picks(recipe, belt, motion), f"{path}: camera")
    return recipe


def _check_overlaps(recipe: RecipeConfig, belt: BeltConfig | None, source: str) -> None:
    areas = {name: _corners(each.centre_m, each.size, each.yaw_rad) for name, each in recipe.stations.items()}
    if belt:
        areas["the belt"] = _corners(belt.centre_m[:2], (belt.length_m, belt.width_m), belt.direction_rad)
    if recipe.camera:
        areas["the camera's post"] = _corners(recipe.camera.post_m, (POST_WIDTH, POST_WIDTH), 0.0)
    for (first, ours), (second, theirs) in combinations(areas.items(), 2):
        if _overlap(ours, theirs):
            raise InputError(f"{source}: {first}", f"overlaps {second}", "stations beside each other")


def _corners(centre: list[float], size: tuple[float, float], yaw: float) -> Array:
    """Corners of a rectangle, in turn, [4, 2] m."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    halves = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array(size) / 2
    corners: Array = halves @ np.array([[cos, sin], [-sin, cos]]) + np.array(centre)
    return corners


def _overlap(first: Array, second: Array) -> bool:
    """Whether two rectangles overlap: no side of either separates them."""
    for corners in (first, second):
        for axis in (corners[1] - corners[0], corners[2] - corners[1]):
            ours, theirs = first @ axis, second @ axis
            if ours.max() <= theirs.min() or theirs.max() <= ours.min():
                return False
    return True


def _check_reach(recipe: RecipeConfig, motion: MotionConfig, kinematics: Kinematics, source: str) -> None:
    """Every place lies in the motion's box, and the arm gets there pointing down."""
    (x_least, y_least, _), (x_most, y_most, _) = motion.workspace_lower_m, motion.workspace_upper_m
    for name, station in recipe.stations.items():
        for index in range(station.places):
            x, y = station.place(index)
            inside = x_least <= x <= x_most and y_least <= y <= y_most
            if not inside or not _reaches(kinematics, np.array([x, y, _REST_HEIGHT]), station.yaw_rad):
                box = f"x {x_least} to {x_most}, y {y_least} to {y_most}"
                raise InputError(f"{source}: {name}", f"place {index} at ({x:.3f}, {y:.3f}) m", f"in reach: {box}")


def _reaches(kinematics: Kinematics, position: Array, yaw: float) -> bool:
    try:
        return bool(np.isfinite(kinematics.inverse(position, yaw)).all())
    except ValueError:
        return False


def _check_mount(camera: CameraMountConfig, motion: MotionConfig, place: str) -> None:
    """Camera and post are where the arm never gets to."""
    lowest = motion.workspace_upper_m[2] + _OVER_ARM
    if camera.lens_m[2] < lowest:
        raise InputError(f"{place}.lens_m", f"{camera.lens_m[2]} m high", f"at least {lowest:.2f} m, over the arm")
    bounds = zip(motion.workspace_lower_m, camera.post_m, motion.workspace_upper_m, strict=False)
    margin = _HAND_REACH + POST_WIDTH / 2
    if all(low - margin < at < high + margin for low, at, high in bounds):
        raise InputError(f"{place}.post_m", f"{camera.post_m} m", f"{margin:.2f} m beside the workspace, off the hand")


def _check_sight(camera: CameraMountConfig, picks: Array, place: str) -> None:
    """Parts are seen up to their tops wherever they are picked, ``picks`` [n, 3] m."""
    for x, y, z in picks.tolist():
        if not camera.sees((x, y, z + _PART_HEIGHT)):
            raise InputError(place, f"does not see parts at ({x:.2f}, {y:.2f}) m", "a view of all that is picked")


def _picks(recipe: RecipeConfig, belt: BeltConfig | None, motion: MotionConfig) -> Array:
    """Outermost places [n, 3] m where parts are picked: corners of the infeed, or the belt's edges in the workspace."""
    if recipe.infeed:
        corners = _corners(recipe.infeed.centre_m, recipe.infeed.size, recipe.infeed.yaw_rad)
        return np.hstack([corners, np.zeros((len(corners), 1))])
    assert belt is not None  # has been checked
    along = np.linspace(-belt.length_m / 2, belt.length_m / 2, _STEPS + 1)[:, None] * belt.direction
    across = belt.width_m / 2 * np.array([-belt.direction[1], belt.direction[0], 0.0])
    edges = np.vstack([along + across, along - across]) + np.array(belt.centre_m)
    lower, upper = np.array(motion.workspace_lower_m[:2]), np.array(motion.workspace_upper_m[:2])
    picks: Array = edges[((edges[:, :2] >= lower) & (edges[:, :2] <= upper)).all(axis=1)]
    return picks
