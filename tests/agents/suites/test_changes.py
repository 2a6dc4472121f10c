from __future__ import annotations

import numpy as np
import pytest
import yaml

from robocell_agents.acting.actors import load_actor
from robocell_agents.evaluation.evaluate import evaluate, play
from robocell_agents.suites.changes import RANGES, load_change
from robocell_agents.suites.suite import load_suite
from robocell_controller.commands.cli import execute
from robocell_controller.config import default_names
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv

CHANGES = default_names("changes")
REQUIRED = {
    *("heavier", "lighter", "slippery", "smaller", "larger", "new_shape", "fragile", "faster_belt", "slower_belt"),
    *("scattered_poses", "tray_moved", "camera_noisy", "camera_late", "camera_dropouts"),
    *("worn_gripper", "stiff_joint", "late_actuation", "heavy_and_slippery", "overdue_service"),
}
HEAVIER = {"simulation": {"part": {"density_kg_m3": [1500.0, 2000.0]}}}
HEAVIEST = {"simulation": {"part": {"density_kg_m3": [2000.0, 3000.0]}}}


def _file(tmp_path, **keys):
    path = tmp_path / "mine.yaml"
    content = {"describes": "x", "cell": "pick_place", "within": HEAVIER, "beyond": HEAVIEST, **keys}
    path.write_text(yaml.safe_dump(content))
    return path


def test_all_kinds_of_change_are_there():
    assert set(CHANGES) >= REQUIRED


@pytest.mark.parametrize("name", CHANGES)
def test_guided_plays_every_change_to_its_end(name):
    change = load_change(name)
    assert list(change.conditions) == ["nominal", "within", "beyond"]
    assert len({cell.model_dump_json() for cell in change.conditions.values()}) == 3
    for key in RANGES:
        env, actor = PickPlaceEnv(change.conditions[key]), load_actor("program:guided", change.cell)
        rows = [play(env, actor, seed) for seed in (0, 1)]
        env.close()
        assert all(0.5 < row["time_s"] <= change.cell.cycle_time_limit_s + 1e-9 for row in rows)
        assert all(np.isfinite(row["energy_j"]) and row["success"] == (row["failure"] is None) for row in rows)


def test_any_file_is_evaluated_under_its_three_conditions(tmp_path):
    document = evaluate("program:guided", load_change(_file(tmp_path)), 2, "tuning", workers=1)
    assert document["suite"]["name"] == "mine"
    assert list(document["conditions"]) == ["nominal", "within", "beyond"]
    nominal = evaluate("program:guided", load_suite("nominal"), 2, "tuning", workers=1)
    assert document["episodes"][:2] == nominal["episodes"]


def test_the_command_line_takes_a_change_or_a_suite(tmp_path, capsys):
    command = ["evaluate", "program:guided", "--episodes", "1", "--workers", "1", "--change", str(_file(tmp_path))]
    assert execute(command) == 0
    assert "program:guided on suite mine" in capsys.readouterr().out
    assert execute([*command, "--suite", "nominal"]) == 2
    assert "one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"describes": ""}, "mine.yaml: describes"),
        ({"within": {}}, "mine.yaml: within"),
        ({"beyond": HEAVIER}, "mine.yaml: beyond: the same as within"),
        ({"cell": "nowhere"}, "nowhere: no such file"),
        ({"beyond": {"rates": {"policy_hz": 50}}}, r"mine.yaml: beyond\.rates"),
        ({"beyond": {"simulation": {"weight": 1}}}, r"mine.yaml: beyond\.simulation: weight: unknown key"),
        ({"beyond": {"simulation": {"part": {"width_m": [0.05, 0.09]}}}}, r"beyond\.simulation\.part\.width_m"),
        (
            {"beyond": {"simulation": {"part": {"width_m": [0.0001, 0.03]}}}},
            r"mine.yaml: beyond\.simulation: part\.width_m",
        ),
        (
            {"beyond": {"simulation": {"part": {"density_kg_m3": [2e4, 2.2e4]}}}},
            r"beyond\.simulation\.part\.density_kg_m3",
        ),
        ({"beyond": {"simulation": {"part": {"friction": [0.01, 0.1]}}}}, r"kg at friction 0\.01 takes 139 N"),
        ({"beyond": {"simulation": {"part": {"crush_force_n": [5.0, 90.0]}}}}, r"crush_force_n: 5\.0 N, but lifting"),
        ({"beyond": {"simulation": {"faults": {"gripper_force_share": [0.0, 1.0]}}}}, "expected at most 0 N"),
    ],
)
def test_bad_changes_are_named(tmp_path, keys, message):
    with pytest.raises(InputError, match=message):
        load_change(_file(tmp_path, **keys))


def test_an_unknown_change_lists_the_known_ones():
    with pytest.raises(InputError, match="heavier, heavy_and_slippery"):
        load_change("heavyer")
