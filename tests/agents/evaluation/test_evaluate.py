from __future__ import annotations

import json

import pytest
import yaml

from robocell_agents.acting.actors import load_actor
from robocell_agents.evaluation.compare import read_evaluation
from robocell_agents.evaluation.evaluate import evaluate, metrics, play, write_evaluation
from robocell_agents.suites.suite import load_suite
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv

EPISODES = 7  # more than a worker plays at a time
TOP_LEVEL = {
    "policy",
    "suite",
    "command",
    "versions",
    "hardware",
    "git",
    "seeds",
    "success",
    "cycle_time_s",
    "parts_per_hour",
    "drops",
    "placement_error_m",
    "peak_force_n",
    "energy_j_per_part",
    "failures",
    "episodes",
}
ROW = {
    "condition",
    "seed",
    "success",
    "time_s",
    "drops",
    "placement_error_m",
    "energy_j",
    "failure",
    "peak_force_n",
    "impact_n",
}


def _row(**values):
    row = {"condition": "nominal", "seed": 0, "success": True, "time_s": 2.0, "drops": 0}
    return {**row, "placement_error_m": 0.001, "peak_force_n": 30.0, "energy_j": 50.0, "failure": None, **values}


@pytest.fixture(scope="module")
def document():
    return evaluate("program:guided", "nominal", EPISODES, "tuning", workers=1)


def test_document_has_the_published_shape(document):
    assert document.keys() == TOP_LEVEL
    assert document["success"].keys() == {"rate", "low", "high", "lower_bound", "n"}
    assert document["cycle_time_s"].keys() == document["placement_error_m"].keys() == {"median", "p95"}
    assert all(row.keys() == ROW for row in document["episodes"])
    assert [row["seed"] for row in document["episodes"]] == list(range(1_000_000, 1_000_000 + EPISODES))


def test_guided_places_parts(document):
    assert document["success"]["rate"] >= 0.75
    assert 1.0 < document["cycle_time_s"]["median"] < 4.0
    assert document["energy_j_per_part"] > 1.0


def test_written_document_is_read_back(document, tmp_path):
    path = tmp_path / "new folder" / "guided.json"
    write_evaluation(path, document)
    assert read_evaluation(path) == json.loads(json.dumps(document)) == document
    assert len([line for line in path.read_text().splitlines() if '"seed": ' in line]) == EPISODES
    assert [entry.name for entry in path.parent.iterdir()] == ["guided.json"]


def test_rows_do_not_depend_on_the_number_of_workers(tmp_path, document):
    suite = tmp_path / "two.yaml"
    changed = {"simulation": {"part": {"density_kg_m3": [2000.0, 2500.0]}}}
    conditions = {"nominal": {}, "heavy": changed}
    suite.write_text(yaml.safe_dump({"cell": "pick_place", "conditions": conditions}, sort_keys=False))
    both = evaluate("program:guided", str(suite), EPISODES, "tuning", workers=2)
    assert both["episodes"][:EPISODES] == document["episodes"]
    assert both["conditions"].keys() == {"nominal", "heavy"}
    assert both["conditions"]["nominal"]["success"] == document["success"]
    assert both["success"]["n"] == 2 * EPISODES


def test_metrics_of_known_rows():
    rows = [_row(), _row(time_s=4.0, drops=1), _row(success=False, time_s=6.0, energy_j=20.0, failure="dropped")]
    now = metrics(rows)
    assert now["success"]["rate"] == pytest.approx(2 / 3) and now["success"]["n"] == 3
    assert now["cycle_time_s"] == {"median": 3.0, "p95": pytest.approx(3.9)}
    assert now["parts_per_hour"] == pytest.approx(3600 * 2 / 12)
    assert now["drops"] == 1
    assert now["peak_force_n"] == {"median": 30.0, "p95": 30.0}
    assert now["energy_j_per_part"] == pytest.approx(60.0)
    assert now["failures"] == {"dropped": 1}


def test_metrics_without_a_success_say_so():
    now = metrics([_row(success=False, failure="not_picked")])
    assert now["success"]["low"] == 0.0 and now["parts_per_hour"] == 0.0
    assert now["cycle_time_s"]["median"] is None and now["energy_j_per_part"] is None


def test_taught_points_work_where_parts_are_fixtured_and_only_there():
    suite = load_suite("conditions")
    actor = load_actor("program:rigid", suite.cell)
    success = {}
    for name in ("fixtured", "nominal"):
        env = PickPlaceEnv(suite.conditions[name])
        success[name] = [play(env, actor, seed)["success"] for seed in range(3)]
        env.close()
    assert success == {"fixtured": [True] * 3, "nominal": [False] * 3}


def test_oracle_places_parts():
    env = PickPlaceEnv()
    actor = load_actor("program:oracle", env.cell)
    assert all(play(env, actor, seed)["success"] for seed in range(3))
    env.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("program:clever", "nominal", 1, "test", 1),
        ("no/such/run", "nominal", 1, "test", 1),
        ("program:guided", "no_such_suite", 1, "test", 1),
        ("program:guided", "nominal", 0, "test", 1),
        ("program:guided", "nominal", 1, "training", 1),
        ("program:guided", "nominal", 1, "test", 0),
    ],
)
def test_bad_input_is_one_clear_error(arguments):
    with pytest.raises(InputError, match="expected"):
        evaluate(*arguments)


def test_a_development_key_is_called_one_and_not_by_every_worker(development_bundle, capfd):
    evaluate(str(development_bundle), "nominal", 2, "tuning", workers=2)
    assert capfd.readouterr().err.count("DEVELOPMENT key") == 1


@pytest.mark.parametrize("option", ["--suite", "--change"])
def test_an_empty_option_is_not_one_that_was_left_out(capsys, option):
    assert execute(["evaluate", "program:guided", option, "", "--episodes", "1"]) == 2
    assert capsys.readouterr().err.startswith("robocell: error: '': ")
