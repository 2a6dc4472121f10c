"""Clearance: how far the arm is from what it must not touch, with simple shapes around its links."""

from __future__ import annotations

from itertools import product

import coal
import numpy as np
import pinocchio as pin

from robocell_controller.arm.kinematics import Kinematics, placement
from robocell_controller.arm.robot import CapsuleConfig, RobotConfig
from robocell_controller.contract import JOINTS, Array
from robocell_controller.guard.config import GuardConfig

WORKSPACE, PLANE, SELF = "workspace", "plane clearance", "self clearance"
_STILL = 3  # links up to here stand on the base and meet no plane
_COLUMN = (0, 1, 2)  # joints whose links the wrist and hand could strike,
_WRIST = (5, 6, 7)  # and those of the wrist; the hand moves with the last
_POINT = 1e-6  # m, radius of the TCP's shape
_ROUNDING = 1e-9  # m
# m of the TCP's box, kept for how far a stop bends between two looks: 0.25 mm in ten million hostile ticks
_BENT = 0.001
Look = tuple[bool, list[float]]  # whether all is clear, and where the TCP is: x, y, z in m
_collisions = pin.computeCollisions


class Clearance:
    """Distances of one arm. Not thread-safe: it reuses Pinocchio's workspace."""

    def __init__(self, robot: RobotConfig, config: GuardConfig) -> None:
        """Takes the shapes from the robot, and what to keep clear of from ``config``."""
        self._model = Kinematics(robot).model
        self._data = self._model.createData()
        self._shapes = pin.GeometryModel()
        self._kinds: list[str] = []
        self._margins: list[float] = []
        moving, column, wrist = self._add_arm(robot)
        self._tcp = self._add(JOINTS, placement(robot.tcp_placement_rpy_xyz), coal.Sphere(_POINT))
        for axis, sign in product(range(3), (1.0, -1.0)):
            bound = config.tcp_lower_m[axis] if sign > 0.0 else -config.tcp_upper_m[axis]
            side = self._add_plane(sign * np.eye(3)[axis], bound)
            self._keep(WORKSPACE, [self._tcp], [side], _BENT - _POINT)
        for plane in config.planes:
            side = self._add_plane(np.array(plane.normal), plane.offset_m)
            self._keep(PLANE, moving, [side], config.plane_clearance_m)
        self._keep(SELF, column, wrist, config.self_clearance_m)
        self._found = pin.GeometryData(self._shapes)
        for request, margin in zip(self._found.collisionRequests, self._margins, strict=True):
            request.security_margin = margin

    def look(self, q: Array) -> Look:
        """Looks at the arm at joint positions ``q`` [7] rad."""
        touching = _collisions(self._model, self._data, self._shapes, self._found, q, True)
        return not touching, self._found.oMg[self._tcp].translation.tolist()

    def worse(self, q: Array, before: Array | None) -> str:
        """What is not clear at ``q`` [7] rad and farther from it than ``before`` [pairs] m; '' if nothing is.

        From a place that is not clear the arm may so still come back. ``before`` is None where all was clear.
        """
        now = self.spare(q)
        lost = np.flatnonzero(now < (0.0 if before is None else np.minimum(before, 0.0)) - _ROUNDING)
        return self._kinds[int(lost[0])] if len(lost) else ""

    def spare(self, q: Array) -> Array:
        """Distance of each pair of shapes at ``q`` [7] rad, less its margin, [pairs] m."""
        pin.computeDistances(self._model, self._data, self._shapes, self._found, q)
        distances = np.array([result.min_distance for result in self._found.distanceResults])
        spare: Array = distances - self._margins
        return spare

    def _add_arm(self, robot: RobotConfig) -> tuple[list[int], list[int], list[int]]:
        """Adds links and hand; returns the shapes that may meet a plane, the column's and the wrist's."""
        moving, column, wrist = [], [], []
        for capsule in robot.link_capsules:
            shape = self._add(capsule.joint, *_capsule(capsule))
            moving += [shape] if capsule.joint >= _STILL else []
            column += [shape] if capsule.joint in _COLUMN else []
            wrist += [shape] if capsule.joint in _WRIST else []
        hand = placement(robot.hand_placement_rpy_xyz)
        for box in robot.hand_boxes:
            shape = self._add(JOINTS, hand * pin.SE3(np.eye(3), np.array(box.centre_m)), coal.Box(*box.size_m))
            moving.append(shape)
            wrist.append(shape)
        return moving, column, wrist

    def _add(self, joint: int, at: pin.SE3, shape: coal.CollisionGeometry) -> int:
        name = f"shape{self._shapes.ngeoms}"
        return int(self._shapes.addGeometryObject(pin.GeometryObject(name, joint, joint, at, shape)))

    def _add_plane(self, normal: Array, offset: float) -> int:
        """What lies behind a plane is solid."""
        return self._add(0, pin.SE3.Identity(), coal.Halfspace(normal, offset))

    def _keep(self, kind: str, shapes: list[int], others: list[int], margin: float) -> None:
        for one, other in product(shapes, others):
            self._shapes.addCollisionPair(pin.CollisionPair(one, other))
            self._kinds.append(kind)
            self._margins.append(margin)


def _capsule(capsule: CapsuleConfig) -> tuple[pin.SE3, coal.Capsule]:
    """Placement of a capsule, whose axis is z in its own frame, and its shape."""
    start, end = np.array(capsule.ends_m)
    length = float(np.linalg.norm(end - start))
    turn = pin.Quaternion.FromTwoVectors(np.array([0.0, 0.0, 1.0]), (end - start) / length)
    return pin.SE3(turn.toRotationMatrix(), 0.5 * (start + end)), coal.Capsule(capsule.radius_m, length)
