from __future__ import annotations

import json
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path

import pytest

from robocell_agents.tuning import study as tuning_study
from robocell_agents.tuning import trials as tuning
from robocell_agents.tuning import tune as tuning_command
from robocell_agents.tuning.trials import cost, program_config, search_ranges
from robocell_agents.tuning.tune import PROGRAMS, Search, tune
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.path.programs import ProgramConfig, load_program_config

LIMIT_S = 5.0


class Inline(Executor):
    """Does its jobs at once, in this process."""

    def submit(self, function, /, *arguments, **keywords):
        done = Future()
        done.set_result(function(*arguments, **keywords))
        return done


def _law(program, config_json, cell_json, seeds):
    """A made-up program: fast is better, but too fast fails; every seed has its own difficulty."""
    speed = ProgramConfig.model_validate_json(config_json).speed_m_s
    return [
        {
            "seed": seed,
            "success": speed < 0.94 + 0.02 * (seed % 7),
            "time_s": round(1.0 / speed + 0.01 * (seed % 5), 2),
            "impact_n": 0.0,
        }
        for seed in seeds
    ]


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A search of the made-up program, without processes."""
    monkeypatch.setattr(tuning, "_play_share", _law)
    monkeypatch.setattr(tuning_command, "worker_pool", lambda workers: Inline())
    monkeypatch.setattr(tuning_command, "FINAL_EPISODES", 50)
    monkeypatch.setattr(tuning_study, "_STARTUP", 6)
    return Search("guided", 16, 40, tmp_path / "guided.yaml", tmp_path / "new" / "guided.json", 2)


@pytest.fixture(scope="module")
def motion():
    return load(CellConfig, "cells", "pick_place").motion


@pytest.mark.parametrize("program", PROGRAMS)
def test_ranges_cover_every_number_and_its_present_value(program, motion):
    config = load_program_config(program)
    ranges, present = search_ranges(motion, config), config.model_dump()
    assert ranges.keys() == present.keys()
    assert all(0.0 < low <= present[key] <= high for key, (low, high) in ranges.items())
    program_config({key: high for key, (_, high) in ranges.items()})  # is a valid config, and so is the lower end:
    program_config({key: low for key, (low, _) in ranges.items()})


def test_no_pace_makes_up_for_a_failure_and_no_blow_costs_as_much():
    fast = {"success": True, "time_s": 1.0, "impact_n": 0.0}
    assert cost(fast, LIMIT_S) == 1.0
    ramming = cost({**fast, "impact_n": 4.0}, LIMIT_S)
    failed = cost({**fast, "success": False, "time_s": 0.4}, LIMIT_S)
    assert cost({**fast, "time_s": LIMIT_S}, LIMIT_S) < failed and 1.0 < ramming < failed


def test_the_search_finds_a_faster_law_that_does_not_fail(search):
    document = tune(search)
    before, best = document["trials"][0], document["best"]
    assert best["success"] == 1.0 and best["config"]["speed_m_s"] > 0.8
    assert before["success"] < 1.0 and before["config"] == load_program_config("guided").model_dump()
    assert len(document["trials"]) == 16 and {row["state"] for row in document["trials"]} == {"complete", "pruned"}
    assert all(row["episodes"] == 20 for row in document["trials"] if row["state"] == "pruned")
    assert document["best"]["cost_s"] == min(row["cost_s"] for row in document["finalists"])
    assert len(document["finalists"]) == 6 and 0 in {row["trial"] for row in document["finalists"]}


def test_the_winner_is_written_as_a_config_and_everything_as_json(search):
    document = tune(replace(search, trials=3))
    assert load(ProgramConfig, "programs", search.yaml_file).model_dump() == document["best"]["config"]
    assert "found by\n#     " in search.yaml_file.read_text()
    text = search.json_file.read_text()
    assert json.loads(text) == json.loads(json.dumps(document))
    assert len([line for line in text.splitlines() if line.startswith('    {"trial": ')]) == 3


def test_a_search_that_was_interrupted_finds_what_an_uninterrupted_one_finds(search, monkeypatch, tmp_path):
    whole = tune(search)["trials"]
    calls = 0

    def interrupted(*arguments):
        nonlocal calls
        calls += 1
        if calls == 40:  # in the middle of a trial
            raise KeyboardInterrupt
        return _law(*arguments)

    again = replace(search, json_file=tmp_path / "again.json")
    monkeypatch.setattr(tuning, "_play_share", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune(again)
    assert not again.json_file.exists()
    resumed = tune(again)["trials"]
    assert [row["config"] for row in resumed] == [row["config"] for row in whole]
    assert [row["cost_s"] for row in resumed] == [row["cost_s"] for row in whole]


def test_fewer_trials_than_are_finished_only_judge_them_again(search):
    first = tune(replace(search, trials=3))
    again = tune(replace(search, trials=1))
    assert (again["best"], again["trials"]) == (first["best"], first["trials"])


def test_a_journal_of_another_search_or_of_other_code_is_refused(search, monkeypatch):
    tune(replace(search, trials=2))
    with pytest.raises(InputError, match=r"guided\.journal: seeds"):
        tune(replace(search, episodes=41))
    with pytest.raises(InputError, match=r"guided\.journal: program"):
        tune(replace(search, program="oracle"))
    monkeypatch.setattr(tuning, "_play_share", lambda *arguments: [{**row, "time_s": 9.0} for row in _law(*arguments)])
    with pytest.raises(InputError, match="the code that the study was begun with"):
        tune(search)


def test_a_line_that_a_crash_has_torn_is_left_out_and_said(search, capsys):
    first = tune(replace(search, trials=3))["trials"]
    with search.journal.open("a") as file:
        file.write('{"op_code": 5, "wor')
    for trials in (3, 4):
        assert tune(replace(search, trials=trials))["trials"][:3] == first
    assert capsys.readouterr().err.count("guided.journal: breaks off after") == 1


@pytest.mark.parametrize("text", ["not a journal\n", "{}\n", "[1]\n", '{"op_code": 99}\n'])
def test_another_file_in_the_journals_place_is_refused(search, text):
    search.json_file.parent.mkdir()
    search.journal.write_text(text)
    with pytest.raises(InputError, match="the journal of an Optuna study"):
        tune(search)


@pytest.mark.parametrize("program", ["program:rigid", "program:clever", "guided", "runs/mine"])
def test_what_is_no_tuned_program_is_refused(program, capsys):
    assert execute(["tune", program]) == 2
    assert "nothing to tune; expected program:guided or program:oracle" in capsys.readouterr().err


def test_the_command_tunes_the_real_cell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tuning_command, "FINAL_EPISODES", 2)
    monkeypatch.chdir(tmp_path)
    assert execute(["tune", "program:oracle", "--trials", "2", "--episodes", "3"]) == 0
    document = json.loads(Path("results/tuning/oracle.json").read_text())
    assert document["trials"][0]["success"] == 1.0 and 1.0 < document["trials"][0]["cost_s"] < 3.0
    assert (
        load(ProgramConfig, "programs", Path("configs/programs/oracle.yaml")).model_dump() == document["best"]["config"]
    )
    assert "0 (before)" in capsys.readouterr().out
