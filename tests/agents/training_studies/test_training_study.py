"""A study of trainings: trained once, gone on with after a stop, refused when it is another one, kept up to date."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from robocell_agents.acting import run_folder
from robocell_agents.evaluation.evaluate import evaluate
from robocell_agents.results.regenerate import regenerate
from robocell_agents.training_studies.analysis import analyse
from robocell_agents.training_studies.config import is_training_study, load_training_study
from robocell_agents.training_studies.figures import median_curve
from robocell_agents.training_studies.study import training_study
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError

ROOT = Path(__file__).parents[3]
CLONING = {"steps": 300, "dagger_rounds": 0, "dagger_episodes": 0, "dagger_steps": 0}
CONTENT: dict[str, Any] = {
    "recipes": {"cloned": {"extends": "pick_place", "demonstrations": {"episodes": 20}, "cloning": CLONING}},
    "common": {"hidden": [32], "total_steps": 0, "evaluation": {"episodes": 2, "final_episodes": 2}},
    "cells": {"pick_place": ["nominal"]},
    "seeds": [0, 1],
    "cores": 1,
    "side_by_side": 1,
    "episodes": 4,
    "reach": 0.5,
}


def _file(folder: Path, **keys: Any) -> Path:
    path = folder / "small.yaml"
    content = {**CONTENT, "runs": str(folder / "runs"), "out": str(folder / "results" / "small"), **keys}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished study; one of its runs could not be trained."""
    folder = tmp_path_factory.mktemp("trainings")
    used = folder / "runs" / "pick_place" / "cloned-1"
    (used / "checkpoint").mkdir(parents=True)
    (used / "run.json").write_text('{"status": "running"}', encoding="utf-8")  # without a config: not to be resumed
    document, _ = training_study(_file(folder), 1)
    return folder, document


@pytest.fixture
def copy(done: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """The folder of a finished study, free to be changed."""
    shutil.copytree(done[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_every_recipe_is_trained_with_every_seed_and_tested(done: tuple[Path, dict[str, Any]]) -> None:
    folder, document = done
    recipe = document["cells"]["pick_place"]["recipes"]["cloned"]
    runs = recipe["runs"]
    assert list(runs) == ["0", "1"] and runs["0"]["curve"][0]["stage"] == "cloning"
    soon = [row["wall_s"] for row in runs["0"]["curve"] if row["success"] >= 0.5]
    assert runs["0"]["validated_s"] == (soon[0] if soon else None)
    alone = evaluate(str(folder / "runs/pick_place/cloned-0"), "nominal", 4, "test")
    assert runs["0"]["conditions"]["nominal"]["success"] == alone["success"]
    assert recipe["success"]["iqm"] == runs["0"]["success"] == alone["success"]["rate"]
    assert run_folder.training_config(folder / "runs/pick_place/cloned-0").hidden == [32]
    assert document["cells"]["pick_place"]["reference"]["nominal"]["success"]["rate"] == 1.0


def test_a_run_that_failed_is_told_of_and_holds_up_no_other(done: tuple[Path, dict[str, Any]]) -> None:
    recipe = done[1]["cells"]["pick_place"]["recipes"]["cloned"]
    assert "config.yaml" in recipe["runs"]["1"]["error"] and recipe["runs"]["0"]["error"] is None
    assert recipe["reached"] <= 1 and recipe["seeds"] == 2 and recipe["validated_s"] is None
    page = (done[0] / "results/small/trainings.md").read_text(encoding="utf-8")
    assert "of 2 |" in page and "| cloned, seed 1 | - | - | - | - |" in page and "curves.svg" in page


def test_a_seed_counts_by_what_trainings_are_for_whatever_it_does_further_out(copy: Path) -> None:
    what = load_training_study(_file(copy, changes=["heavier"], seeds=[0]))
    played = json.loads((copy / "runs/pick_place/cloned-0/test.json").read_text(encoding="utf-8"))
    nominal = played["conditions"]["nominal"]
    rates = {"nominal": 0.5, "heavier/within": 0.6, "heavier/beyond": 0.0}
    scored = {
        name: {**nominal, "success": {**nominal["success"], "rate": rate}, "parts_per_hour": 1800.0}
        for name, rate in rates.items()
    }
    document = analyse(what, {what.runs[0].folder: scored}, {"pick_place": scored}, {})
    recipe = document["cells"]["pick_place"]["recipes"]["cloned"]
    assert (recipe["runs"]["0"]["within"], recipe["runs"]["0"]["beyond"]) == (pytest.approx(0.55), 0.0)
    assert recipe["reached"] == 1 and recipe["runs"]["0"]["success"] == pytest.approx(1.1 / 3)


def test_a_reference_that_places_nothing_can_still_be_compared_with(copy: Path) -> None:
    what = load_training_study(_file(copy, seeds=[0]))
    played = json.loads((copy / "runs/pick_place/cloned-0/test.json").read_text(encoding="utf-8"))["conditions"]
    ours, nothing = ({"nominal": {**played["nominal"], "parts_per_hour": pace}} for pace in (1800.0, 0.0))
    for scored, ratio in [(ours, 1800.0), (nothing, 1.0)]:
        document = analyse(what, {what.runs[0].folder: scored}, {"pick_place": nothing}, {})
        assert document["cells"]["pick_place"]["recipes"]["cloned"]["against_reference"] == pytest.approx(ratio)


def test_what_is_finished_is_not_trained_or_tested_again(copy: Path) -> None:
    shutil.rmtree(copy / "runs/pick_place/cloned-1")
    kept = copy / "runs/pick_place/cloned-0"
    before = [(kept / name).stat().st_mtime_ns for name in ("policy.zip", "test.json")]
    document, _ = training_study(_file(copy), 1)
    runs = document["cells"]["pick_place"]["recipes"]["cloned"]["runs"]
    assert before == [(kept / name).stat().st_mtime_ns for name in ("policy.zip", "test.json")]
    assert runs["1"]["error"] is None and runs["1"]["success"] is not None


@pytest.mark.slow
def test_a_stopped_study_ends_its_runs_cleanly_and_goes_on(tmp_path: Path) -> None:
    endless = {"recipes": {"ppo": {"extends": "pick_place", "demonstrations": None, "cloning": None}}, "seeds": [0]}
    short = {"n_envs": 2, "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}, **CONTENT["common"]}
    common = {**short, "total_steps": 1_000_000, "subprocesses": False, "time_limit_s": 8.0}
    path = _file(tmp_path, **endless, common=common, episodes=1)
    code = f"from robocell_agents.training_studies.study import training_study\ntraining_study({str(path)!r}, 1)"
    run = tmp_path / "runs/pick_place/ppo-0"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline and not (run / "tensorboard").exists():
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert run_folder.read_status(run)["status"] == "interrupted"
    document, _ = training_study(path, 1)
    row = document["cells"]["pick_place"]["recipes"]["ppo"]["runs"]["0"]
    assert row["error"] is None and row["wall_s"] > 8.0
    walls = [each["wall_s"] for each in row["curve"]]
    assert walls == sorted(walls)


def test_a_run_of_another_recipe_is_not_taken_for_this_ones(copy: Path) -> None:
    with pytest.raises(InputError, match=r"cloned-0: hidden: \[16\]; expected \[32\] as the run began"):
        training_study(_file(copy, common={**CONTENT["common"], "hidden": [16]}), 1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"recipes": {"a": {"extends": "nowhere"}}}, "nowhere"),
        ({"recipes": {"a": {"extends": "pick_place", "speed": 1}}}, r"recipes\.a: speed: unknown key"),
        ({"recipes": {}}, "recipes"),
        ({"cells": {"mars": ["nominal"]}}, "mars"),
        ({"cells": {"pick_place": ["nowhere"]}}, "nowhere"),
        ({"changes": ["heavyer"]}, "heavyer"),
        ({"seeds": []}, "seeds"),
        ({"side_by_side": 1000}, "1000 runs on 1 cores each"),
        ({"reach": 2.0}, "reach"),
    ],
)
def test_bad_studies_are_named_before_anything_is_trained(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        training_study(_file(tmp_path, **keys), 1)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["bakeoff", "ablations", "time_to_99", "adaptive_seeds"])
def test_the_default_studies_give_all_recipes_the_same_time(name: str) -> None:
    assert is_training_study(name) and not is_training_study("adaptivity")
    what = load_training_study(name)
    assert len({run.config.time_limit_s for run in what.runs}) == 1
    assert len({run.seed for run in what.runs}) >= 3
    assert len({run.folder for run in what.runs}) == len(what.runs)


def test_the_median_curve_holds_the_last_value_of_each_run() -> None:
    runs = [[{"wall_s": t, "success": s} for t, s in rows] for rows in ([(10, 0.2), (30, 0.8)], [(20, 0.4)])]
    times, values = median_curve(runs, "success")
    assert (times[0], times[-1]) == (20.0, 30.0)
    assert values[0] == pytest.approx(0.3) and values[-1] == pytest.approx(0.6)
    assert median_curve([[], runs[0]], "success")[0].size == 0


def test_page_and_plot_are_kept_up_to_date(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "results", copy / "results", dirs_exist_ok=True)
    shutil.copytree(ROOT / "docs", copy / "docs")
    shutil.copy(ROOT / "README.md", copy)
    regenerate(copy / "results", check=False)
    path = copy / "results/small/trainings.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "reach": 0.75}), encoding="utf-8")
    assert regenerate(copy / "results", check=True) == 1
    said = capsys.readouterr().err
    assert "trainings.md: stale" in said and "curves.svg: stale" in said
    assert regenerate(copy / "results", check=False) == regenerate(copy / "results", check=True) == 0
    assert "seeds ≥ 75 %" in (copy / "results/small/trainings.md").read_text(encoding="utf-8")


def test_the_command_shows_the_recipes(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["study", str(_file(copy, seeds=[0])), "--workers", "1"]) == 0
    assert "study small: pick_place" in capsys.readouterr().out
