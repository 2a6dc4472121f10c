"""What a schema can't see in a cell: whether gripper, arm, tracker and stations fit what they are to do."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, locate
from robocell_controller.contract import Array
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import (
    BeltMotionConfig,
    PoseConfig,
    SensorConfig,
    SensorsConfig,
    SimulationConfig,
    key_at,
    simulation_config,
)
from robocell_envs.scene.feasibility import check_grip
from robocell_envs.scene.fixtures import TABLE_CENTRE, TABLE_HALF
from robocell_envs.scene.scenario import TRAY_WIDTH

_OLDEST = 5.0  # s, age of a sensor's newest sample: a cycle's time
_LONGEST = 3600.0  # s, a part's cycle
_LOST = 1e-3  # chance of that many samples in a row being lost, which is left aside
_SHARE_OF_WAY = 0.5  # of a part's way on the belt that may pass before it is seen; the rest is for the pick
_STEPS = 20  # of a way: of a part along the belt, of the hand from its rest posture
_TOWARDS_REST = 0.1  # share of the way back to the rest posture that the redundant joint takes in one step
_ARRIVED = 1e-3  # m

CellName = str | Path | CellConfig  # of a default or a file, or already the config
Corners = Array  # of a region, in order, [4, 2] m


def load_cell(cell: CellName) -> CellConfig:
    """Finds, reads and checks a cell's config, its ``simulation`` section included; a config is left as it is.

    Raises:
        InputError: missing, malformed, or its parts don't fit together.
    """
    if isinstance(cell, CellConfig):
        return cell
    if not isinstance(cell, str | Path):
        raise InputError("cell", f"a {type(cell).__name__}", "its name, its file, or a CellConfig")
    path = locate("cells", cell)
    config = load(CellConfig, "cells", path)
    checked_simulation(config, str(path))
    return config


def checked_simulation(cell: CellConfig, place: str = "cell") -> SimulationConfig:
    """The checked ``simulation`` section of a cell, of which all parts fit together.

    Raises:
        InputError: they don't; ``place`` says where the cell comes from.
    """
    config, robot = simulation_config(cell, place), cell.load_robot()
    _check_time(cell, place)
    place, part = key_at(place, "simulation"), config.part
    check_grip(part.kinds, part.width_m, part.height_m, part.density_kg_m3, robot.gripper, f"{place}.part.")
    _check_friction(config, robot, place)
    _check_reach(cell, config, robot, place)
    _check_on_table(config, cell.belt, place)
    _check_start(config, robot, place)
    _check_speed("start.rise_m_s", config.start.rise_m_s, robot, place)
    if cell.belt and config.belt:
        _check_on_belt(config, cell.belt, place)
        _check_tracker(config, cell.belt, config.belt.speed_m_s[1], place)
        _check_halt(config, config.belt, cell.belt, place)
        _check_speed("belt.speed_m_s", config.belt.speed_m_s, robot, place)
    _check_sensors(config, place)
    _check_apart(config, cell.belt, place)
    return config


def oldest_sample(sensor: SensorConfig) -> float:
    """Age of the newest sample at worst, s: its delay, and the periods until one is not lost (but once in 1000)."""
    periods = math.ceil(math.log(_LOST) / math.log(sensor.dropout)) if sensor.dropout else 1
    return sensor.delay_s + max(1, periods) / sensor.rate_hz


def _check_time(cell: CellConfig, place: str) -> None:
    least = 1.0 / cell.rates.policy_hz
    if not least <= cell.cycle_time_limit_s <= _LONGEST:
        expected = f"{least:g} s, a policy period, to {_LONGEST:g} s"
        raise InputError(key_at(place, "cycle_time_limit_s"), f"{cell.cycle_time_limit_s} s", expected)


def _check_friction(config: SimulationConfig, robot: RobotConfig, place: str) -> None:
    keyed = {"faults": config.faults}
    keyed |= {f"events.{index}.faults": event.faults for index, event in enumerate(config.events)}
    for key, faults in keyed.items():
        for (_, most), limit in zip(faults.joint_friction_n_m, robot.joint_torque_n_m, strict=True):
            if most >= limit:
                raise InputError(
                    f"{place}.{key}.joint_friction_n_m", f"{most} N·m", f"less than the drive's {limit} N·m"
                )


def _check_reach(cell: CellConfig, config: SimulationConfig, robot: RobotConfig, place: str) -> None:
    """Every corner of the ranges of start and slot, and a point of each part's way, can be grasped at."""
    height = cell.motion.workspace_lower_m[2]
    corners = {key: _corners(getattr(config, key)) for key in ("part_pose", "slot_pose", "start")}
    kinematics = Kinematics(robot)
    for key, region in corners.items():
        for corner in region:
            way = _way(corner, cell.belt) if key == "part_pose" and cell.belt else corner[None]
            inside = [point for point in way if _in_workspace(cell, point)]
            if not inside:
                lower, upper = cell.motion.workspace_lower_m[:2], cell.motion.workspace_upper_m[:2]
                expected = f"inside the workspace, {lower} to {upper} m"
                raise InputError(f"{place}.{key}", f"{_told(corner)} m", expected)
            if not any(_reachable(kinematics, robot, np.array([*point, height])) for point in inside):
                raise InputError(f"{place}.{key}", f"{_told(corner)} m", f"a point in reach of {robot.name}")


def _check_on_table(config: SimulationConfig, belt: BeltConfig | None, place: str) -> None:
    """The tray, and parts that come on no belt, stand on the table as a whole."""
    tray, part = TRAY_WIDTH / math.sqrt(2), config.part.width_m[1] / math.sqrt(2)
    for key, margin in [("slot_pose", tray)] if belt else [("slot_pose", tray), ("part_pose", part)]:
        for corner in _padded(getattr(config, key), margin):
            if any(abs(at - middle) > half for at, middle, half in zip(corner, TABLE_CENTRE, TABLE_HALF, strict=False)):
                raise InputError(f"{place}.{key}", f"up to {_told(corner)} m", "all of it on the table")


def _check_start(config: SimulationConfig, robot: RobotConfig, place: str) -> None:
    """An episode puts the arm at its start pose without a way there, so the pose itself has to be found."""
    kinematics, start, limits = Kinematics(robot), config.start, robot.limits
    for x, y, z, yaw in product(start.x_m, start.y_m, start.z_m, start.yaw_rad):
        try:
            q = kinematics.inverse(np.array([x, y, z]), yaw)
            found = bool((q >= limits.lower).all() and (q <= limits.upper).all())
        except ValueError:
            found = False
        if not found:
            raise InputError(f"{place}.start", f"({x}, {y}, {z}) m at {yaw} rad", f"a pose in reach of {robot.name}")
    if start.gripper_m[1] > robot.gripper.stroke_m:
        expected = f"at most the gripper's {robot.gripper.stroke_m} m"
        raise InputError(f"{place}.start.gripper_m", f"{start.gripper_m[1]} m", expected)


def _check_speed(key: str, speeds: list[float], robot: RobotConfig, place: str) -> None:
    """Hand and belt go no faster than the hand can."""
    most, fastest = robot.tcp_speed_m_s, max(map(abs, speeds))
    if fastest > most:
        raise InputError(f"{place}.{key}", f"{fastest} m/s", f"at most {most} m/s, the fastest of {robot.name}")


def _check_sensors(config: SimulationConfig, place: str) -> None:
    for name in SensorsConfig.model_fields:
        age = oldest_sample(getattr(config.sensors, name))
        if age > _OLDEST:
            found = f"delay_s, rate_hz and dropout by which its values may be {age:.4g} s old"
            raise InputError(f"{place}.sensors.{name}", found, f"at most {_OLDEST} s")


def _check_on_belt(config: SimulationConfig, belt: BeltConfig, place: str) -> None:
    for corner in _corners(config.part_pose):
        if not belt.spans(corner):
            raise InputError(f"{place}.part_pose", f"{_told(corner)} m", "a point on the belt")


def _check_halt(config: SimulationConfig, motion: BeltMotionConfig, belt: BeltConfig, place: str) -> None:
    """A belt that is halted when a part passes its middle stands before that part is at its end."""
    room = belt.length_m / 2 - config.part.width_m[1]
    least = motion.speed_m_s[1] ** 2 / (2.0 * room)
    if motion.acceleration_m_s2 < least:
        expected = f"at least {least:.2f} m/s², to halt within {room:.2f} m"
        raise InputError(f"{place}.belt.acceleration_m_s2", f"{motion.acceleration_m_s2} m/s²", expected)


def _check_tracker(config: SimulationConfig, belt: BeltConfig, fastest: float, place: str) -> None:
    """While a sample may be old a part goes no further than half of the shortest way that is left to it."""
    along = max(belt.coordinates(corner)[0] for corner in _corners(config.part_pose))
    way, age = belt.length_m / 2 - along, oldest_sample(config.sensors.tracker)
    most = _SHARE_OF_WAY * way / age
    if fastest > most:
        expected = f"at most {most:.2f} m/s: half of the last {way:.2f} m of belt within the tracker's {age:.2f} s"
        raise InputError(f"{place}.belt.speed_m_s", f"{fastest} m/s", expected)


def _check_apart(config: SimulationConfig, belt: BeltConfig | None, place: str) -> None:
    tray = _padded(config.slot_pose, TRAY_WIDTH / math.sqrt(2))
    parts = _belt_corners(belt) if belt else _padded(config.part_pose, config.part.width_m[1] / math.sqrt(2))
    if _overlap(tray, parts):
        other = "the belt" if belt else "part_pose"
        raise InputError(f"{place}.slot_pose", f"a tray that may overlap {other}", "stations apart from each other")


def _corners(pose: PoseConfig) -> Corners:
    return np.array(list(product(pose.x_m, pose.y_m)))[[0, 1, 3, 2]]


def _padded(pose: PoseConfig, margin: float) -> Corners:
    outwards = margin * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    corners: Corners = _corners(pose) + outwards
    return corners


def _belt_corners(belt: BeltConfig) -> Corners:
    along, across = belt.direction[:2], np.array([-belt.direction[1], belt.direction[0]])
    signs = ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5))
    offsets = [a * belt.length_m * along + b * belt.width_m * across for a, b in signs]
    return np.array(belt.centre_m[:2]) + np.array(offsets)


def _way(corner: Array, belt: BeltConfig) -> Array:
    """Places [n, 2] m that a part passes from ``corner`` [2] m to the belt's end."""
    left = belt.length_m / 2 - belt.coordinates(corner)[0]
    way: Array = corner + np.linspace(0.0, left, _STEPS)[:, None] * belt.direction[:2]
    return way


def _in_workspace(cell: CellConfig, point: Array) -> bool:
    bounds = zip(cell.motion.workspace_lower_m, point.tolist(), cell.motion.workspace_upper_m, strict=False)
    return all(low <= value <= high for low, value, high in bounds)


def _reachable(kinematics: Kinematics, robot: RobotConfig, point: Array) -> bool:
    """Whether the upright hand gets to ``point`` [3] m within the joints' limits, straight from the rest posture."""
    rest = np.array(robot.rest_posture_rad)
    q = rest.copy()
    for left in [*range(_STEPS, 0, -1), *[1] * _STEPS]:
        pose, jacobian = kinematics.pose_and_jacobian(q)
        upright = (-pose.rotation[1, 2], pose.rotation[0, 2], 0.0)
        step = np.array([*((point - pose.position) / left), *upright])
        q = q + kinematics.solve(jacobian, step, _TOWARDS_REST * (rest - q))
    arrived = np.abs(point - kinematics.pose(q).position).max() < _ARRIVED
    return bool(arrived and (q >= robot.limits.lower).all() and (q <= robot.limits.upper).all())


def _overlap(first: Corners, second: Corners) -> bool:
    """Whether two rectangles overlap: no side of either parts them (separating axes)."""
    sides = [corners[1] - corners[0] for corners in (first, second)] + [c[2] - c[1] for c in (first, second)]
    spans = [((first @ side), (second @ side)) for side in sides]
    return all(a.max() > b.min() and b.max() > a.min() for a, b in spans)


def _told(point: Array) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"
