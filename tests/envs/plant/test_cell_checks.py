from __future__ import annotations

import pytest
import yaml

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import default_names, load, merged, parse
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.cell_checks import checked_simulation, load_cell, oldest_sample

LOST = [[0.0, 0.0]] * 6 + [[0.0, 12.0]]


def _cell(changes, name="pick_place") -> CellConfig:
    content = load(CellConfig, "cells", name).model_dump(exclude_none=True)
    return parse(CellConfig, merged(content, changes), "test")


@pytest.mark.parametrize("name", default_names("cells"))
def test_default_cells_fit_together(name):
    assert load_cell(name).simulation


@pytest.mark.parametrize(
    ("simulation", "message"),
    [
        ({"part": {"width_m": [0.05, 0.071]}}, r"part\.width_m: 0\.071 m; expected at most 0\.070 m"),
        ({"slot_pose": {"y_m": [0.1, 0.36]}}, r"slot_pose: \(0\.40, 0\.36\) m; expected inside the workspace"),
        ({"part_pose": {"x_m": [0.25, 0.5]}}, r"part_pose: \(0\.25, -0\.26\) m; expected inside the workspace"),
        ({"start": {"x_m": [0.4, 0.7]}}, r"start: \(0\.70, 0\.26\) m; expected inside the workspace"),
        ({"start": {"x_m": [0.3, 0.5], "z_m": [0.02, 0.1]}}, r"start: \(0\.3, 0\.1, 0\.02\) m at .* a pose in reach"),
        ({"slot_pose": {"y_m": [0.0, 0.2]}}, r"slot_pose: a tray that may overlap part_pose"),
        ({"faults": {"joint_friction_n_m": LOST}}, r"faults\.joint_friction_n_m: 12\.0 N·m; expected less than"),
        ({"events": [{"at_s": [1.0, 1.0], "faults": {"joint_friction_n_m": LOST}}]}, r"events\.0\.faults\.joint_f"),
    ],
)
def test_a_table_that_does_not_fit_is_named(simulation, message):
    with pytest.raises(InputError, match="cell: simulation." + message):
        checked_simulation(_cell({"simulation": simulation}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulation": {"belt": {"speed_m_s": [0.1, 2.1]}}}, r"belt\.speed_m_s: 2\.1 m/s; expected at most 2\.00 m/s"),
        ({"simulation": {"belt": {"acceleration_m_s2": 0.01}}}, r"belt\.acceleration_m_s2: 0\.01 m/s²; expected at le"),
        ({"simulation": {"sensors": {"tracker": {"delay_s": 2.0}}}}, r"belt\.speed_m_s: 0\.16 m/s; expected at most 0"),
        ({"simulation": {"slot_pose": {"y_m": [0.0, 0.2]}}}, r"slot_pose: a tray that may overlap the belt"),
        ({"simulation": {"part_pose": {"x_m": [0.3, 0.5]}}}, r"part_pose: \(0\.30, -0\.50\) m; expected a point on"),
        ({"belt": {"direction_rad": -1.5707963267948966}}, r"part_pose: .*; expected inside the workspace"),
    ],
)
def test_a_belt_that_does_not_fit_is_named(changes, message):
    with pytest.raises(InputError, match="cell: simulation." + message):
        checked_simulation(_cell(changes, "conveyor_pick"))


def test_a_belt_that_can_not_change_its_speed_is_named():
    with pytest.raises(
        InputError, match=r"cell: simulation: belt\.acceleration_m_s2: 0\.0; expected .* greater than 0"
    ):
        checked_simulation(_cell({"simulation": {"belt": {"acceleration_m_s2": 0.0}}}, "conveyor_pick"))


def test_a_point_in_the_workspace_but_out_of_reach_is_named():
    changes = {"motion": {"workspace_upper_m": [1.2, 0.35, 0.4]}, "simulation": {"slot_pose": {"x_m": [0.4, 1.1]}}}
    with pytest.raises(InputError, match=r"slot_pose: \(1\.10, 0\.26\) m; expected a point in reach of panda"):
        checked_simulation(_cell(changes))


def test_lost_samples_count_into_the_oldest_one():
    tracker = checked_simulation(_cell({})).sensors.tracker
    assert oldest_sample(tracker) == pytest.approx(0.08)
    assert oldest_sample(tracker.model_copy(update={"dropout": 0.1})) == pytest.approx(0.04 + 3 * 0.04)


def test_an_environment_names_the_file(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text(yaml.safe_dump({"extends": "pick_place", "simulation": {"part": {"width_m": [0.05, 0.09]}}}))
    with pytest.raises(InputError, match=r"wide\.yaml: simulation\.part\.width_m"):
        PickPlaceEnv(str(path))
