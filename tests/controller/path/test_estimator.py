from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import CellState, PartInfo, Setpoint
from robocell_controller.path.estimator import Estimator, nearest_branch

BELT = BeltConfig(centre_m=[0.5, -0.3, 0.03], length_m=0.6, width_m=0.2, direction_rad=np.pi / 2)
PART = PartInfo(width=0.04, height=0.04, symmetry=4, crush_force=100.0)
PERIOD = 0.04


@pytest.fixture(scope="module")
def kinematics(cell: CellConfig) -> Kinematics:
    return Kinematics(cell.load_robot())


@pytest.fixture
def state(kinematics: Kinematics) -> CellState:
    """A part on the belt, seen without delay, the hand over the work area at rest."""
    q = kinematics.inverse(np.array([0.5, 0.1, 0.2]), 0.0)
    return CellState(
        time=0.0,
        q=q,
        dq=np.zeros(7),
        tau=np.zeros(7),
        gripper_width=0.08,
        gripper_effort=0.0,
        part_position=np.array([0.5, -0.3, 0.05]),
        part_yaw=0.1,
        part_age=0.0,
        part=PART,
        slot_position=np.array([0.5, 0.2, 0.005]),
        slot_yaw=0.0,
    )


def at_rest(state: CellState) -> Setpoint:
    return Setpoint(state.q, np.zeros(7), np.zeros(7))


@pytest.mark.parametrize(
    ("yaw", "reference", "symmetry", "expected"),
    [
        (1.0, 0.9, 4, 1.0),
        (np.pi / 2 + 0.1, 0.0, 4, 0.1),
        (np.pi / 3 + 0.1, 0.0, 6, 0.1),
        (np.pi / 3 + 0.1, 0.0, 2, np.pi / 3 + 0.1),
        (2.0, 0.3, 0, 0.3),
    ],
)
def test_yaws_that_look_the_same(yaw: float, reference: float, symmetry: int, expected: float) -> None:
    assert nearest_branch(yaw, reference, symmetry) == pytest.approx(expected)


def test_a_part_on_the_belt_has_moved_on_since_it_was_seen(kinematics: Kinematics, state: CellState) -> None:
    estimator, speed, delay = Estimator(kinematics, BELT), 0.2, 0.08
    for step in range(6):
        time = step * PERIOD
        seen = state.part_position + np.array([0.0, speed * (time - delay), 0.0])
        now = replace(state, time=time, part_position=seen, part_age=delay, belt_travel=speed * time)
        view = estimator.view(now, at_rest(state), 1.0)
    truly = state.part_position + np.array([0.0, speed * time, 0.0])
    np.testing.assert_allclose(view.part_position, truly, atol=1e-12)
    np.testing.assert_allclose(view.part_velocity, [0.0, speed, 0.0], atol=1e-12)


@pytest.mark.parametrize("shift", [[0.2, 0.0, 0.0], [0.0, 0.0, 0.1]], ids=["beside the belt", "over the belt"])
def test_a_part_elsewhere_does_not_move_with_the_belt(
    kinematics: Kinematics, state: CellState, shift: list[float]
) -> None:
    estimator, position = Estimator(kinematics, BELT), state.part_position + np.array(shift)
    for step in range(3):
        now = replace(state, time=step * PERIOD, part_position=position, part_age=0.04, belt_travel=0.01 * step)
        view = estimator.view(now, at_rest(state), 1.0)
    np.testing.assert_array_equal(view.part_position, position)
    assert not view.part_velocity.any()


def test_a_held_part_has_moved_with_the_hand_and_not_with_the_belt(kinematics: Kinematics, state: CellState) -> None:
    estimator = Estimator(kinematics, BELT)
    held = replace(state, gripper_width=0.04, gripper_effort=30.0, part_age=PERIOD)
    moved = kinematics.inverse(np.array([0.5, 0.15, 0.25]), 0.0)
    estimator.view(replace(held, part_age=0.0), at_rest(state), -0.5)
    view = estimator.view(replace(held, time=PERIOD, q=moved, belt_travel=0.05), at_rest(state), -0.5)
    np.testing.assert_allclose(view.part_position, state.part_position + np.array([0.0, 0.05, 0.05]), atol=1e-6)


def test_the_joint_torques_show_the_load(kinematics: Kinematics, state: CellState) -> None:
    _, jacobian = kinematics.pose_and_jacobian(state.q)
    empty = kinematics.lift_force(jacobian, state.q, np.zeros(7), np.zeros(7), np.zeros(7))
    load = np.array([0.0, 0.0, 7.5, 0.0, 0.0, 0.0])
    loaded = kinematics.lift_force(jacobian, state.q, np.zeros(7), np.zeros(7), jacobian.T @ load)
    assert loaded - empty == pytest.approx(7.5, rel=1e-4)
