"""The arm for Bullet, made at run time from the URDF in the installed ``pybullet_data``.

Changed against that file: identified inertias instead of 0.1 kg·m² everywhere; fixed links merged; box-shaped
finger pads and hand (box against box gives Bullet four steady contact points, a mesh one or two); no other
collision shapes, because inside the work area the other links touch nothing.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pinocchio as pin
import pybullet_data

from robocell_controller.arm.kinematics import inertia
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.contract import Array

ARM_JOINTS = list(range(7))
FINGER_JOINTS = [7, 8]
_HAND_BOX = (
    "0.0632 0.2044 0.0919",
    "0 0 0.02",
)  # m; measured on pybullet_data's hand mesh, in frame panda_hand
_PAD_HEIGHT = 0.0449  # m, middle of the pad in the finger's frame


@contextmanager
def urdf_file(robot: RobotConfig, visual: bool) -> Iterator[str]:
    """Name of a URDF file for a robot config. It lies in memory alone: a killed process leaves nothing to clean up."""
    with os.fdopen(os.memfd_create("robot.urdf"), "wb") as file:
        file.write(_urdf(robot.model_dump_json(), visual))
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


@cache
def _urdf(robot_json: str, visual: bool) -> bytes:
    """The robot config comes as JSON, so that it can be cached."""
    robot = RobotConfig.model_validate_json(robot_json)
    source = Path(pybullet_data.getDataPath()) / robot.urdf
    tree = ET.parse(source)
    root = tree.getroot()
    _merge_hand(root, robot)
    for link in root.findall("link"):
        _strip(link, source.parent, visual)
        _set_collision(link, robot)
        _set_inertia(link, robot)
    urdf: bytes = ET.tostring(root)
    return urdf


def _merge_hand(root: ET.Element, robot: RobotConfig) -> None:
    """Makes hand and flange part of link 7, and hangs the fingers on it."""
    hand_in_link7 = pin.SE3.Identity()
    for name in ("panda_joint8", "panda_hand_joint"):
        joint = _find(root, "joint", name)
        hand_in_link7 = hand_in_link7 * _origin(joint)
        root.remove(joint)
    link7, hand = _find(root, "link", "panda_link7"), _find(root, "link", "panda_hand")
    for shape in hand.findall("visual") + hand.findall("collision"):
        _set_origin(shape, hand_in_link7 * _origin(shape))
        link7.append(shape)
    bodies = robot.link_inertials
    merged = inertia(bodies["panda_link7"]) + hand_in_link7.act(inertia(bodies["panda_hand"]))
    _write_inertia(link7, merged)
    for finger in ("panda_finger_joint1", "panda_finger_joint2"):
        joint = _find(root, "joint", finger)
        _child(joint, "parent").set("link", "panda_link7")
        _set_origin(joint, hand_in_link7 * _origin(joint))
    root.remove(_find(root, "joint", "panda_grasptarget_hand"))
    for name in ("panda_hand", "panda_link8", "panda_grasptarget"):
        root.remove(_find(root, "link", name))


def _strip(link: ET.Element, folder: Path, visual: bool) -> None:
    for contact in link.findall("contact"):
        link.remove(contact)
    for shape in link.findall("visual"):
        if visual:
            mesh = shape.find("geometry/mesh")
            if mesh is not None:
                mesh.set("filename", str(folder / mesh.get("filename", "").removeprefix("package://")))
        else:
            link.remove(shape)


def _set_collision(link: ET.Element, robot: RobotConfig) -> None:
    shapes = link.findall("collision")
    for shape in shapes[:-1] if link.get("name") == "panda_link7" else shapes:
        link.remove(shape)
    if link.get("name") == "panda_link7":
        size, offset = _HAND_BOX
        _box(shapes[-1], size, pin.SE3(np.eye(3), np.array([float(x) for x in offset.split()])), relative=True)
    elif "finger" in link.get("name", ""):
        size = " ".join(map(str, robot.gripper.pad_size_m))
        _box(ET.SubElement(link, "collision"), size, pin.SE3(np.eye(3), _pad_centre(link, robot)))


def _pad_centre(link: ET.Element, robot: RobotConfig) -> Array:
    side = 1.0 if "left" in link.get("name", "") else -1.0
    return np.array([0.0, side * robot.gripper.pad_size_m[1] / 2, _PAD_HEIGHT])


def _box(shape: ET.Element, size: str, place: pin.SE3, relative: bool = False) -> None:
    before = _origin(shape) if relative else pin.SE3.Identity()
    for geometry in shape.findall("geometry"):
        shape.remove(geometry)
    ET.SubElement(ET.SubElement(shape, "geometry"), "box", size=size)
    _set_origin(shape, before * place)


def _set_inertia(link: ET.Element, robot: RobotConfig) -> None:
    name = link.get("name", "")
    if "finger" in name:
        # With its centre of mass in that of its box, the box alone is the link's shape. Bullet wraps any other
        # one, and a wrapped shape's contacts are gone for a step as soon as it is a hair's breadth off: a grip leaps.
        mass = robot.gripper.finger_mass_kg
        box = pin.Inertia.FromBox(mass, 0.02, 0.02, 0.05)
        _write_inertia(link, pin.Inertia(mass, _pad_centre(link, robot), box.inertia))
    elif name in robot.link_inertials and name != "panda_link7":
        _write_inertia(link, inertia(robot.link_inertials[name]))


def _write_inertia(link: ET.Element, inertia: pin.Inertia) -> None:
    for old in link.findall("inertial"):
        link.remove(old)
    element = ET.SubElement(link, "inertial")
    ET.SubElement(element, "mass", value=repr(float(inertia.mass)))
    _set_origin(element, pin.SE3(np.eye(3), inertia.lever))
    matrix = inertia.inertia
    entries = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    ET.SubElement(element, "inertia", {key: repr(float(matrix[cell])) for key, cell in entries.items()})


def _find(root: ET.Element, kind: str, name: str) -> ET.Element:
    return next(element for element in root.findall(kind) if element.get("name") == name)


def _child(element: ET.Element, tag: str) -> ET.Element:
    child = element.find(tag)
    return ET.SubElement(element, tag) if child is None else child


def _origin(element: ET.Element) -> pin.SE3:
    origin = element.find("origin")
    if origin is None:
        return pin.SE3.Identity()
    rpy, xyz = ([float(x) for x in (origin.get(key) or "0 0 0").split()] for key in ("rpy", "xyz"))
    return pin.SE3(pin.rpy.rpyToMatrix(*rpy), np.array(xyz))


def _set_origin(element: ET.Element, placement: pin.SE3) -> None:
    origin = _child(element, "origin")
    origin.set("xyz", " ".join(repr(float(x)) for x in placement.translation))
    origin.set("rpy", " ".join(repr(float(x)) for x in pin.rpy.matrixToRpy(placement.rotation)))
