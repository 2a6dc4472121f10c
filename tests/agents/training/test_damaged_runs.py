"""What a crash, a full disk or another version leaves in a run folder: one line that names the file, or going on."""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from robocell_agents import pickles
from robocell_agents.acting import run_folder
from robocell_agents.acting.run_folder import latest, swap_in
from robocell_agents.training.train import train
from robocell_controller.commands.cli import execute
from robocell_controller.config import load, locate, merged, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.files import SCRATCH

TINY: dict[str, Any] = {
    "n_envs": 2,
    "subprocesses": False,
    "total_steps": 64,
    "critic_warmup_rollouts": 0,
    "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
    "demonstrations": None,
    "cloning": None,
    "evaluation": {"episodes": 1, "every_steps": 64, "finalists": 1, "final_episodes": 1},
}
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "agent.yaml").write_text(yaml.safe_dump(merged(read_yaml(locate("agents", "pick_place")), TINY)))
    assert train(str(folder / "agent.yaml"), 0, folder / "run", resume=False, workers=1) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


@pytest.fixture
def stopped(run: Path) -> Path:
    """A copy of a run that was killed after its last checkpoint."""
    (run / "policy.zip").unlink()
    status = run_folder.read_status(run)
    (run / "run.json").write_text(json.dumps({**status, "status": "running"}), encoding="utf-8")
    return run


def resume(run: Path) -> int:
    return execute(["train", str(run.with_name("agent.yaml")), "--out", str(run), "--resume", "--workers", "1"])


def evaluate(run: Path) -> int:
    return execute(["evaluate", str(run), "--episodes", "1", "--workers", "1"])


def export(run: Path) -> int:
    return execute(["export", str(run), "--out", str(run.with_name("bundle"))])


def record(run: Path) -> int:
    return execute(["record", str(run), "--out", str(run.with_name("movie.gif"))])


def put(text: str) -> Damage:
    return lambda path: path.write_text(text, encoding="utf-8")


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def gone(path: Path) -> None:
    path.unlink()


def trusted(damage: Damage) -> Damage:
    """As damage that was there when the pickle was noted."""
    return lambda path: (damage(path), pickles.note(path))


def refusal(capsys: pytest.CaptureFixture[str], command: Callable[[Path], int], run: Path) -> str:
    capsys.readouterr()
    assert command(run) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("robocell: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("checkpoint/progress.json", damage) for damage in (half, put(""), put("[]"), put("{}"), gone)),
        ("checkpoint/progress.json", put('{"streams": {}}')),
        *(("checkpoint/torch_random.npy", damage) for damage in (half, put(""), put("pickle"), gone)),
        *(("checkpoint/model.zip", damage) for damage in (half, put(""), trusted(half), gone)),
        *(("progress.jsonl", damage) for damage in (put("?\n"), put("{}\n"), put('{"wall_s": "1"}\n'))),
        *(("run.json", damage) for damage in (half, put(""), put("[]"), put("{}"), gone)),
        *((name, damage) for name in ("config.yaml", "cell.yaml") for damage in (put(""), gone)),
    ],
)
def test_a_resume_names_the_file_that_is_damaged(
    stopped: Path, capsys: pytest.CaptureFixture[str], name: str, damage: Damage
) -> None:
    damage(stopped / name)
    assert f"{stopped / name}: " in refusal(capsys, resume, stopped)


@pytest.mark.parametrize("command", [evaluate, export, record])
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("policy.zip", damage) for damage in (half, trusted(put("")), gone)),
        *(("run.json", damage) for damage in (half, put("{}"))),
        ("config.yaml", put("[")),
        ("cell.yaml", put("3")),
    ],
)
def test_whoever_reads_a_run_names_the_file_that_is_damaged(
    run: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Path], int], name: str, damage: Damage
) -> None:
    damage(run / name)
    assert f"{run / name}: " in refusal(capsys, command, run)


@pytest.mark.parametrize("command", [evaluate, export, record, resume])
@pytest.mark.parametrize("folder", ["file", "empty", "nowhere"])
def test_what_is_no_run_is_named(
    tmp_path: Path, finished: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Path], int], folder: str
) -> None:
    shutil.copy(finished / "agent.yaml", tmp_path)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / folder) in refusal(capsys, command, tmp_path / folder)


def test_a_file_is_no_place_for_a_run(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="exists already"):
        train(str(finished / "agent.yaml"), 0, tmp_path / "run", resume=False)


def renamed(path: Path, old: bytes, new: bytes) -> None:
    """Makes of a model one whose pickles name ``new`` instead of ``old``."""

    def changed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: changed(item, name) for name, item in value.items()}
        if key != ":serialized:":
            return value
        return base64.b64encode(base64.b64decode(value).replace(old, new)).decode()

    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    content["data"] = json.dumps(changed(json.loads(content["data"]))).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    pickles.note(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"robocell_agents.acting.algorithms", b"robocell_agents_of_old.algorithms", "made by another version"),
        (b"stable_baselines3.common", b"stable_baselines2.common", "needs stable_baselines2, which is not installed"),
        (b"LinearSchedule", b"LinearProgramme", "damaged, or something else"),
    ],
)
def test_a_checkpoint_of_another_version_is_called_that(
    stopped: Path, capsys: pytest.CaptureFixture[str], old: bytes, new: bytes, told: str
) -> None:
    renamed(stopped / "checkpoint" / "model.zip", old, new.ljust(len(old))[: len(old)])
    assert f"model.zip: {told}" in refusal(capsys, resume, stopped)


def test_a_model_of_another_algorithm_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = run_folder.training_config(run)
    other = load(type(config), "agents", "sac").model_copy(update={"cell": config.cell})
    run_folder.write_config(run / "config.yaml", other)
    assert "policy.zip: damaged, or something else" in refusal(capsys, evaluate, run)


def test_half_a_last_line_is_left_out_and_said(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (stopped / "progress.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"wall_s": 1.')
    assert [row["stage"] for row in run_folder.read_progress(stopped)] == ["ppo", "chosen"]
    assert resume(stopped) == 0
    assert "progress.jsonl: breaks off after 2 lines: 13 bytes" in capsys.readouterr().err
    assert [row["stage"] for row in run_folder.read_progress(stopped)][-1] == "chosen"


def test_a_run_killed_before_its_first_checkpoint_begins_anew(stopped: Path) -> None:
    shutil.rmtree(stopped / "checkpoint")
    assert resume(stopped) == 0
    assert [row["stage"] for row in run_folder.read_progress(stopped)] == ["ppo", "chosen"]


def test_a_run_killed_while_its_folder_was_made_begins_anew(finished: Path, tmp_path: Path) -> None:
    shutil.copy(finished / "agent.yaml", tmp_path)
    scratch = tmp_path / "run" / f"{SCRATCH}1"  # of the second file
    scratch.mkdir(parents=True)
    for path in (tmp_path / "run" / "config.yaml", scratch / "cell.yaml"):
        path.write_text("begun", encoding="utf-8")
    assert resume(tmp_path / "run") == 0


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("before", [["place"], ["place.old"], ["place", "place.old"]])
def test_a_kill_between_any_two_steps_of_a_swap_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str], after: int
) -> None:
    """What stands in ``place.old`` beside ``place`` may be half removed; alone it is whole."""
    for name in before:
        (tmp_path / name).mkdir()
        if name == "place" or before == [name]:
            (tmp_path / name / "whole").touch()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "whole").touch()
    steps = iter(range(after))

    def until_killed(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **keywords: Any) -> Any:
            if next(steps, None) is None:
                raise KilledError
            return step(*arguments, **keywords)

        return taken

    monkeypatch.setattr(shutil, "rmtree", until_killed(shutil.rmtree))
    monkeypatch.setattr(Path, "rename", until_killed(Path.rename))
    with suppress(KilledError):
        swap_in(tmp_path / "new", tmp_path / "place")
    found = latest(tmp_path / "place")
    assert found is not None and (found / "whole").exists()
