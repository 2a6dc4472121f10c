"""Fixtures: the fixed boxes that trays, bins and camera mounts are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robocell_controller.arm.stations import POST_WIDTH, CameraMountConfig
from robocell_controller.cell.recipe import BinConfig, PatternConfig
from robocell_envs.scene.jobs import TRAY_HEIGHT

TABLE_HALF, TABLE_CENTRE = [0.5, 0.5, 0.02], [0.35, 0.0, -0.02]  # m; the arm stands on it
TRAY_COLOUR = [0.16, 0.30, 0.42, 1.0]
_BIN_COLOUR = [0.55, 0.20, 0.16, 1.0]
_WALL = 0.003  # m
_CAMERA = [0.035, 0.035, 0.05]  # m, half of its sizes
_MOUNT_COLOUR, _CAMERA_COLOUR = [0.62, 0.64, 0.67, 1.0], [0.13, 0.14, 0.16, 1.0]


@dataclass(frozen=True, slots=True)
class Fixture:
    """A box: half its sizes (m), its centre (m), its yaw (rad) and colour."""

    half: list[float]
    centre: list[float]
    yaw: float
    colour: list[float]


def station_fixtures(station: PatternConfig) -> list[Fixture]:
    """The floor of a tray or bin, and a bin's walls."""
    (length, width), walled = station.size, isinstance(station, BinConfig)
    colour = _BIN_COLOUR if walled else TRAY_COLOUR
    half = [length / 2, width / 2, TRAY_HEIGHT / 2]
    floor = Fixture(half, [*station.centre_m, TRAY_HEIGHT / 2], station.yaw_rad, colour)
    return [floor, *(_walls(station) if isinstance(station, BinConfig) else [])]


def camera_fixtures(mount: CameraMountConfig) -> list[Fixture]:
    """Post, boom and camera; only drawn, since the arm does not get there, see ``robocell_controller.cell.recipe``."""
    (x, y, lens), (post_x, post_y), half = mount.lens_m, mount.post_m, POST_WIDTH / 2
    top = lens + 2 * _CAMERA[2]
    length, yaw = math.dist((x, y), (post_x, post_y)), math.atan2(y - post_y, x - post_x)
    return [
        Fixture([half, half, top / 2], [post_x, post_y, top / 2], yaw, _MOUNT_COLOUR),
        Fixture([length / 2, half, half], [(x + post_x) / 2, (y + post_y) / 2, top + half], yaw, _MOUNT_COLOUR),
        Fixture(_CAMERA, [x, y, lens + _CAMERA[2]], yaw, _CAMERA_COLOUR),
    ]


def _walls(box: BinConfig) -> list[Fixture]:
    """Walls around the floor, inside its outline."""
    (length, width), height = box.size, box.wall_height_m
    cos, sin = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
    walls = []
    for side in (-1.0, 1.0):
        for ahead, aside, half_x, half_y in (
            (side * (length - _WALL) / 2, 0.0, _WALL / 2, width / 2),
            (0.0, side * (width - _WALL) / 2, length / 2, _WALL / 2),
        ):
            x, y = box.centre_m[0] + cos * ahead - sin * aside, box.centre_m[1] + sin * ahead + cos * aside
            walls.append(Fixture([half_x, half_y, height / 2], [x, y, height / 2], box.yaw_rad, _BIN_COLOUR))
    return walls
