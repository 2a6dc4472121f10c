from __future__ import annotations

import pytest
import yaml

from robocell_agents.suites.suite import load_suite
from robocell_controller.config import default_names
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import simulation_config
from robocell_envs.scene.scenario import draw

GRAVITY, LIFT = 9.81, 5.0  # m/s²


@pytest.mark.parametrize("name", default_names("suites"))
def test_parts_of_default_suites_can_be_gripped_and_lifted(name):
    for cell in load_suite(name).conditions.values():
        gripper = cell.load_robot().gripper
        for seed in range(50):
            part = draw(simulation_config(cell), seed).part
            assert part.width <= 0.060 < gripper.stroke_m
            friction = 2 * part.friction * gripper.pad_friction * gripper.force_max_n
            assert friction > part.mass * (GRAVITY + LIFT)


def test_conditions_change_only_what_they_name():
    suite = load_suite("conditions")
    heavy = suite.conditions["heavy"].model_dump()
    assert heavy["simulation"]["part"].pop("density_kg_m3") == [2600.0, 2800.0]
    nominal = suite.cell.model_dump()
    nominal["simulation"]["part"].pop("density_kg_m3")
    assert heavy == nominal


def test_summary_tells_changed_cells_apart():
    nominal, conditions = load_suite("nominal"), load_suite("conditions")
    assert nominal.summary() == load_suite("nominal").summary()
    assert nominal.summary()["sha256"] != conditions.summary()["sha256"]
    assert conditions.summary()["conditions"][0] == "nominal"


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "conditions"),
        ({"odd": {"simulation": {"part": {"weight_kg": 1.0}}}}, r"conditions\.odd\.simulation: part\.weight_kg"),
        ({"odd": {"cycle_time_limit_s": -1.0}}, r"conditions\.odd: cycle_time_limit_s"),
        ({"odd": {"rates": {"policy_hz": 50}}}, r"conditions\.odd\.rates"),
    ],
)
def test_bad_conditions_are_named(tmp_path, conditions, message):
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump({"cell": "pick_place", "conditions": conditions}))
    with pytest.raises(InputError, match=message):
        load_suite(path)
