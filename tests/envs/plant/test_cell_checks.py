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
    with pytest.raises(InputError, match=r"cell: simulation: belt\.acceleration_m_s2: 0\.0; expected greater than 0"):
        checked_simulation(_cell({"simulation": {"belt": {"acceleration_m_s2": 0.0}}}, "conveyor_pick"))


# Of each kind of number one below and one above what hand, solver or reason can take, and what is said of it.
IMPLAUSIBLE = [
    ({"part": {"width_m": [0.0001, 0.04]}}, r"simulation: part\.width_m\.0: 0\.0001; expected .* 0\.015"),
    ({"part": {"height_m": [0.001, 0.04]}}, r"simulation: part\.height_m\.0: 0\.001; expected .* 0\.01"),
    ({"part": {"height_m": [0.03, 2.0]}}, r"simulation: part\.height_m\.1: 2\.0; expected .* 0\.2"),
    ({"part": {"density_kg_m3": [1000.0, 90e3]}}, r"simulation: part\.density_kg_m3\.1: 90000\.0; expected .* 22600"),
    (
        {"part": {"density_kg_m3": [20.0, 1000.0]}},
        r"part\.density_kg_m3: 20 kg/m³, which makes parts of 0\.0005 kg; .*",
    ),
    ({"part": {"density_kg_m3": [1e3, 2e4]}}, r"part\.density_kg_m3: 20000 kg/m³, .* 2\.5000 kg; .* 0\.005 to 2\.2 kg"),
    ({"part": {"friction": [0.0, 0.5]}}, r"simulation: part\.friction\.0: 0\.0; expected"),
    ({"part": {"friction": [0.5, 50.0]}}, r"simulation: part\.friction\.1: 50\.0; expected"),
    ({"part": {"crush_force_n": [-1.0, 90.0]}}, r"simulation: part\.crush_force_n\.0: -1\.0; expected"),
    ({"part": {"width_m": [0.05, 0.04]}}, r"simulation: part\.width_m: \[0\.05, 0\.04\]; expected .*lower bound first"),
    ({"part": {"width_m": [0.03, float("nan")]}}, r"simulation: part\.width_m\.1: nan; expected .* finite"),
    ({"table_friction": 50.0}, r"simulation: table_friction: 50\.0; expected"),
    ({"slot_pose": {"yaw_rad": [0.0, 100.0]}}, r"simulation: slot_pose\.yaw_rad\.1: 100\.0; expected"),
    ({"start": {"gripper_m": [0.04, 0.2]}}, r"start\.gripper_m: 0\.2 m; expected at most the gripper's 0\.08 m"),
    ({"start": {"rise_m_s": [0.0, 10.0]}}, r"start\.rise_m_s: 10\.0 m/s; expected at most 1\.7 m/s"),
    ({"sensors": {"tracker": {"delay_s": 3600.0}}}, r"sensors\.tracker: .* 3600 s old; expected at most 5\.0 s"),
    ({"sensors": {"belt": {"rate_hz": 1e-6}}}, r"sensors\.belt: .* 1e\+06 s old; expected at most 5\.0 s"),
    ({"sensors": {"joints": {"rate_hz": 1e9}}}, r"simulation: sensors\.joints\.rate_hz: 1000000000\.0; expected"),
    ({"task": {"place_tolerance_m": 0.0}}, r"simulation: task\.place_tolerance_m: 0\.0; expected"),
    ({"task": {"place_tolerance_m": 10.0}}, r"simulation: task\.place_tolerance_m: 10\.0; expected"),
    ({"solver_iterations": {"open": 10**9}}, r"simulation: solver_iterations\.open: 1000000000; expected"),
    ({"faults": {"actuation_delay_ms": [0.0, 3.6e6]}}, r"simulation: faults\.actuation_delay_ms\.1: 3600000\.0; exp"),
    ({"events": [{"at_s": [1.0, 1.0], "faults": {"payload_error_kg": [0.0, 99.0]}}]}, r"payload_error_kg\.1: 99\.0"),
]


@pytest.mark.parametrize(("simulation", "message"), IMPLAUSIBLE)
def test_what_no_cell_has_is_named(simulation, message):
    with pytest.raises(InputError, match="^odd.yaml: .*" + message):
        checked_simulation(_cell({"simulation": simulation}), "odd.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycle_time_limit_s": 0.0}, r"cycle_time_limit_s: 0\.0; expected"),
        ({"cycle_time_limit_s": 0.001}, r"cycle_time_limit_s: 0\.001 s; expected 0\.04 s, a policy period, to 3600 s"),
        ({"cycle_time_limit_s": 1e9}, r"cycle_time_limit_s: 1000000000\.0 s; expected 0\.04 s"),
        ({"rates": {"physics_hz": 125_000_000}}, r"rates\.physics_hz: 125000000; expected .* 10000"),
        ({"simulation": {"belt": {"speed_m_s": [-0.1, 0.1]}}}, r"simulation: belt\.speed_m_s\.0: -0\.1; expected"),
        (
            {"simulation": {"belt": {"speed_m_s": [0.1, 1.8], "acceleration_m_s2": 8.0}}},
            r"simulation\.belt\.speed_m_s: 1\.8 m/s; expected at most 1\.7 m/s, the fastest of panda",
        ),
        ({"simulation": {"belt": {"friction": [0.4, 50.0]}}}, r"simulation: belt\.friction\.1: 50\.0; expected"),
    ],
)
def test_times_rates_and_belts_that_no_cell_has_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        checked_simulation(_cell(changes, "conveyor_pick"))


def test_a_tray_that_hangs_over_the_edge_of_the_table_is_named():
    changes = {"motion": {"workspace_upper_m": [0.65, 0.6, 0.4]}, "simulation": {"slot_pose": {"y_m": [0.3, 0.45]}}}
    with pytest.raises(InputError, match=r"slot_pose: up to \(.*, 0\.52\) m; expected all of it on the table"):
        checked_simulation(_cell(changes))


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
