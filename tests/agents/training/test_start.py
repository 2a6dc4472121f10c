from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from robocell_agents.acting import run_folder
from robocell_agents.training.train import train
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.yaml_core import to_yaml

SMALL: dict[str, Any] = {
    "extends": "pick_place",
    "cell": "cell.yaml",
    "n_envs": 2,
    "subprocesses": False,
    "total_steps": 64,
    "critic_warmup_rollouts": 1,
    "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
    "demonstrations": {"episodes": 2},
    "cloning": {"steps": 10, "dagger_rounds": 0},
    "evaluation": {"episodes": 2, "every_steps": 64, "finalists": 1, "final_episodes": 1},
}


def config_file(folder: Path, **changes: Any) -> Path:
    (folder / "cell.yaml").write_text("extends: pick_place\nguard: guard.yaml\n", encoding="utf-8")
    (folder / "guard.yaml").write_text("extends: patient\n", encoding="utf-8")
    path = folder / "agent.yaml"
    path.write_text(to_yaml({**changes, **SMALL, **changes}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"lr": 0.1}}, "agent.yaml: settings.lr (line 2): 0.1; expected one of learning_rate"),
        ({"reward": {"speed": 1.0}}, "agent.yaml: reward: speed: unknown key; expected one of reach_per_m"),
        ({"changes": ["heavyer"]}, "agent.yaml: changes.0: heavyer: no such file; expected a YAML file or one of"),
        ({"n_envs": 1, "settings": {"n_steps": 1}}, "settings: `n_steps * n_envs` must be greater than 1"),
    ],
)
def test_what_can_not_be_trained_leaves_no_run_folder(
    tmp_path: Path, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert execute(["train", str(config_file(tmp_path, **changes)), "--out", str(run), "--workers", "1"]) == 2
    assert message in capsys.readouterr().err
    assert not run.exists()


def test_a_run_goes_on_wherever_one_stands_and_begins_anew_if_nothing_is_trained_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run, elsewhere = config_file(tmp_path), tmp_path / "run", tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert train(config.name, 0, Path("run"), resume=False, workers=1) == 0
    monkeypatch.chdir(elsewhere)
    assert run_folder.training_config(run).cell == str(tmp_path / "cell.yaml")
    assert run_folder.cell_config(run).load_guard().supervisor.progress_periods == 100
    status = run_folder.read_status(run)
    (run / "run.json").write_text(json.dumps({**status, "status": "running"}), encoding="utf-8")
    assert train("../../agent.yaml", 0, run, resume=True, workers=1) == 0

    (run / "run.json").write_text(json.dumps({**status, "status": "running"}), encoding="utf-8")
    config_file(tmp_path, hidden=[16])
    with pytest.raises(InputError, match=r"hidden: \[16\]; expected \[128, 128\], as the run began, or a new folder"):
        train(str(config), 0, run, resume=True, workers=1)
    shutil.rmtree(run / "checkpoint")  # as if it had been killed before its first one
    with pytest.raises(InputError, match="exists already; expected a new folder, or --resume, which begins anew"):
        train(str(config), 0, run, resume=False, workers=1)
    assert train(str(config), 1, run, resume=True, workers=1) == 0
    assert run_folder.training_config(run).hidden == [16] and run_folder.read_run(run)["seed"] == 1


def test_a_finished_run_without_its_checkpoint_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"status": "finished"}), encoding="utf-8")
    with pytest.raises(InputError, match="training is finished"):
        train(str(config_file(tmp_path)), 0, tmp_path / "run", resume=True, workers=1)
    assert (tmp_path / "run" / "run.json").is_file()
