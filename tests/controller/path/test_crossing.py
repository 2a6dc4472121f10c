from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array, CellState, PartInfo
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.crossing import ANYWHERE, FINGER_TIPS, ROOM, crossing
from robocell_controller.path.estimator import View

STANDS = 0.058  # m, height of what stands in the cell
PART = PartInfo(width=0.04, height=0.04, symmetry=4, crush_force=100.0)
GRIPPED = {"gripper_width": PART.width, "gripper_effort": 20.0}


@pytest.fixture
def path(cell: CellConfig) -> ControlPath:
    return cell.control_path()


def state_at(path: ControlPath, tcp: Array, **more: object) -> CellState:
    """The hand at rest at ``tcp`` [3] m, a part in the middle of the work area, its place to the left."""
    state = CellState(
        time=0.0,
        q=path.kinematics.inverse(tcp, 0.0),
        dq=np.zeros(7),
        tau=np.zeros(7),
        gripper_width=0.08,
        gripper_effort=0.0,
        part_position=np.array([0.5, 0.0, 0.02]),
        part_yaw=0.0,
        part_age=0.0,
        part=PART,
        slot_position=np.array([0.5, 0.2, 0.005]),
        slot_yaw=0.0,
    )
    return replace(state, obstacle_height=STANDS, **more)


def view_at(path: ControlPath, tcp: Array, **more: object) -> View:
    state = state_at(path, tcp, **more)
    path.reset(state.q, state.dq, 1.0)
    return path.view(state)


def driven(path: ControlPath, start: Array, action: list[float], periods: int, **more: object) -> Array:
    """TCP positions [n, 3] m, under one action."""
    state = state_at(path, start, **more)
    path.reset(state.q, state.dq, action[4])
    positions = []
    for period in range(periods):
        tcp = path.kinematics.pose(path.setpoint.q).position
        positions.append(tcp)
        carried = {"part_position": tcp - [0.0, 0.0, 0.005]} if "gripper_effort" in more else {}
        path.view(replace(state, time=0.04 * period, q=path.setpoint.q, **carried))
        assert path.command(np.array(action)).reason == ""
    return np.array(positions)


def test_where_nothing_else_stands_the_hand_goes_anywhere(path: ControlPath) -> None:
    low = np.array([0.5, 0.15, 0.03])
    assert crossing(view_at(path, low)) != ANYWHERE
    assert crossing(replace(view_at(path, low), obstacle_height=0.0)) == ANYWHERE


@pytest.mark.parametrize("beside", [0.0, 0.02])
def test_over_the_part_and_over_its_place_it_may_go_down(path: ControlPath, beside: float) -> None:
    assert crossing(view_at(path, np.array([0.5, beside, 0.03]))) == ANYWHERE
    place = np.array([0.5, 0.2 - beside, 0.03])
    assert crossing(view_at(path, place)) != ANYWHERE
    assert crossing(view_at(path, place, part_position=place, **GRIPPED)) == ANYWHERE


@pytest.mark.parametrize("carrying", [False, True])
def test_low_among_others_it_rises_before_it_goes_aside(path: ControlPath, carrying: bool) -> None:
    more = GRIPPED if carrying else {"part_position": np.array([0.5, -0.3, 0.02])}
    start = np.array([0.5, 0.1, 0.03])
    way = driven(path, start, [0.0, -1.0, -0.5, 0.0, -0.5 if carrying else 1.0], 15, **more)
    lowest = way[:, 2] - (0.005 + PART.height / 2 if carrying else FINGER_TIPS)
    aside = np.abs(way[:, 1] - start[1])
    assert (aside[lowest < STANDS] < 0.01).all()
    assert aside[-1] > 0.05
    assert lowest[-1] == pytest.approx(STANDS + ROOM, abs=0.004)


def test_from_above_it_does_not_sink_among_others(path: ControlPath) -> None:
    way = driven(path, np.array([0.45, 0.15, 0.2]), [0.0, 0.0, -1.0, 0.0, 1.0], 30)
    assert (way[:, 2] - FINGER_TIPS > STANDS + 0.9 * ROOM).all()
    assert way[-1, 2] - FINGER_TIPS < STANDS + 1.5 * ROOM
    way = driven(path, np.array([0.5, 0.0, 0.2]), [0.0, 0.0, -1.0, 0.0, 1.0], 30)
    assert way[-1, 2] < STANDS  # there it takes the part up
