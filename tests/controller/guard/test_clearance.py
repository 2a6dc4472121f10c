from __future__ import annotations

from pathlib import Path

import numpy as np
import pinocchio as pin
import pybullet_data
import pytest
from adversaries import BOUNDS, REST, ROBOT

from robocell_controller.arm.kinematics import Kinematics, placement
from robocell_controller.config import parse
from robocell_controller.contract import Array
from robocell_controller.guard.clearance import Clearance
from robocell_controller.guard.config import GuardConfig

MESHES = Path(pybullet_data.getDataPath()) / "franka_panda" / "meshes" / "collision"
BOX = {"tcp_lower_m": [0.25, -0.45, 0.009], "tcp_upper_m": [0.70, 0.45, 0.48]}
TABLE = {"name": "table", "normal": [0.0, 0.0, 1.0], "offset_m": 0.0}
TIGHT = parse(GuardConfig, {**BOUNDS.model_dump(), **BOX, "planes": [TABLE]}, "x")
FINGER_IN_HAND = 0.0584  # m along z, see the URDF


def corners(mesh: str) -> Array:
    lines = (MESHES / f"{mesh}.obj").read_text().splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=float)


@pytest.mark.parametrize("joint", range(8))
def test_the_capsules_hold_the_links(joint: int) -> None:
    capsule = next(capsule for capsule in ROBOT.link_capsules if capsule.joint == joint)
    start, end = np.array(capsule.ends_m)
    points = corners(f"link{joint}")
    along = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0.0, 1.0)
    distances = np.linalg.norm(points - start - along[:, None] * (end - start), axis=1)
    assert 0.9 * capsule.radius_m < distances.max() <= capsule.radius_m


def test_the_boxes_hold_hand_and_fingers_however_they_open() -> None:
    hand, fingers = ROBOT.hand_boxes
    finger = corners("finger")
    half = ROBOT.gripper.stroke_m / 2
    opened = [finger * [1, side, 1] + [0, side * way, FINGER_IN_HAND] for side in (1, -1) for way in (0.0, half)]
    for box, points in ((hand, corners("hand")), (fingers, np.vstack(opened))):
        beyond = np.abs(points - box.centre_m) - np.array(box.size_m) / 2
        assert beyond.max() <= 1e-3
        assert beyond.max() >= -2e-3


def test_distances_are_those_of_the_true_shapes() -> None:
    """Over a plane, the hand's lowest point is a finger tip: 9 mm below the TCP, whatever the posture of the arm."""
    wide = {"tcp_lower_m": [-2.0, -2.0, -2.0], "tcp_upper_m": [2.0, 2.0, 2.0], "self_clearance_m": 0.0}
    clearance = Clearance(ROBOT, parse(GuardConfig, {**TIGHT.model_dump(), **wide}, "x"))
    kinematics = Kinematics(ROBOT)
    for height in (0.3, 0.1, 0.03):
        q = kinematics.inverse(np.array([0.45, 0.1, height]), 0.4)
        assert clearance.spare(q)[6:13].min() == pytest.approx(height - 0.009, abs=2e-4)
        assert clearance.look(q) == (True, pytest.approx([0.45, 0.1, height], abs=1e-6))
    q = kinematics.inverse(np.array([0.45, 0.1, 0.005]), 0.4)
    assert clearance.look(q)[0] is False
    assert clearance.spare(q).min() == pytest.approx(-0.004, abs=2e-4)


def test_the_room_in_the_box_is_that_of_the_tcp() -> None:
    clearance = Clearance(ROBOT, parse(GuardConfig, {**TIGHT.model_dump(), "planes": []}, "x"))
    q = Kinematics(ROBOT).inverse(np.array([0.5, -0.2, 0.3]), 0.0)
    box = clearance.spare(q)[:6]
    lower, upper = np.array([0.5, -0.2, 0.3]) - TIGHT.tcp_lower_m, TIGHT.tcp_upper_m - np.array([0.5, -0.2, 0.3])
    kept = 0.001  # for the way between two looks
    np.testing.assert_allclose(box + kept, [0.25, 0.2, 0.25, 0.65, 0.291, 0.18], atol=1e-8)
    np.testing.assert_allclose(np.sort(box + kept), np.sort([*lower, *upper]), atol=1e-4)


def test_worse_names_what_comes_nearer_and_only_that() -> None:
    clearance, kinematics = Clearance(ROBOT, TIGHT), Kinematics(ROBOT)
    here, higher, lower = (kinematics.inverse(np.array([0.45, 0.0, z]), 0.0) for z in (0.50, 0.51, 0.49))
    spare = clearance.spare(here)
    assert clearance.worse(higher, spare) == "workspace"
    assert clearance.worse(lower, spare) == ""
    assert clearance.worse(here, spare) == ""
    under = kinematics.inverse(np.array([0.45, 0.0, 0.012]), 0.0)
    assert clearance.worse(under, clearance.spare(REST)) == ""
    raised = parse(GuardConfig, {**TIGHT.model_dump(), "plane_clearance_m": 0.01}, "x")
    assert Clearance(ROBOT, raised).worse(under, Clearance(ROBOT, raised).spare(REST)) == "plane clearance"


def test_links_that_the_base_carries_meet_no_plane() -> None:
    """The base stands in the table's plane, and is no reason to stop."""
    clearance = Clearance(ROBOT, TIGHT)
    assert clearance.look(REST)[0] is True
    assert len(clearance.spare(REST)) == 6 + 7 + 3 * 5


def test_folded_over_its_base_the_hand_is_not_clear() -> None:
    clearance = Clearance(ROBOT, TIGHT)
    folded = np.array([0.0, -0.6, 0.0, -3.0, 0.0, 0.6, 0.785])
    assert clearance.look(folded)[0] is False
    assert clearance.worse(folded, clearance.spare(REST)) in ("self clearance", "workspace")


def test_placements_are_roll_pitch_yaw_then_a_shift() -> None:
    assert placement([0.1, 0.2, 0.3, 1.0, 2.0, 3.0]) == pin.SE3(
        pin.rpy.rpyToMatrix(0.1, 0.2, 0.3), np.array([1.0, 2.0, 3.0])
    )


def test_the_lowest_point_of_each_capsule_is_that_of_its_ends() -> None:
    clearance, model = Clearance(ROBOT, TIGHT), Kinematics(ROBOT).model
    data, q = model.createData(), REST + 0.3
    pin.forwardKinematics(model, data, q)
    for index, joint in enumerate(range(3, 8)):
        capsule = ROBOT.link_capsules[joint]
        ends = [data.oMi[joint].act(np.array(end))[2] for end in capsule.ends_m]
        assert clearance.spare(q)[6 + index] == pytest.approx(min(ends) - capsule.radius_m, abs=1e-6)
