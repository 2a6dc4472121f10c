from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from robocell_agents import pickles
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.trust.home import VARIABLE


@pytest.fixture(autouse=True)
def fresh_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder from who knows where; its pickle is none, so that loading it fails visibly."""
    run = tmp_path / "run"
    (run / "checkpoint").mkdir(parents=True)
    (run / "run.json").write_text('{"status": "finished", "algorithm": "ppo"}')
    for name in ("config.yaml", "cell.yaml"):
        (run / name).write_text("{}")
    with zipfile.ZipFile(run / "policy.zip", "w") as file:
        file.writestr("evil", b"evil")
    shutil.copy(run / "policy.zip", run / "checkpoint" / "model.zip")
    with zipfile.ZipFile(run / "checkpoint" / "model.zip", "a") as file:
        file.writestr("too", b"evil too")
    return run


def test_only_what_was_made_here_is_loaded(run: Path) -> None:
    with pytest.raises(
        InputError, match=r"policy\.zip: a pickle that was not made here, or was changed; expected .*--trust-pickle"
    ):
        pickles.check(run / "policy.zip")
    pickles.note(run / "policy.zip")
    pickles.check(run / "policy.zip")
    with pytest.raises(InputError, match="not made here"):
        pickles.check(run / "checkpoint" / "model.zip")


def test_a_run_may_be_moved_and_not_changed(run: Path) -> None:
    pickles.note(run / "policy.zip")
    moved = run.rename(run.with_name("moved"))
    pickles.check(moved / "policy.zip")
    with zipfile.ZipFile(moved / "policy.zip", "a") as file:
        file.writestr("more", b"evil, and more")
    with pytest.raises(InputError, match="not made here"):
        pickles.check(moved / "policy.zip")


@pytest.mark.parametrize("kept", [0, 0.5])
def test_what_a_crash_has_cut_short_is_not_to_be_trusted_but_made_again(run: Path, kept: float) -> None:
    pickles.note(run / "policy.zip")
    content = (run / "policy.zip").read_bytes()
    (run / "policy.zip").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"policy\.zip: damaged: no whole zip file; expected .*train again"):
        pickles.check(run / "policy.zip")


def test_to_trust_a_run_takes_in_its_checkpoint(run: Path) -> None:
    pickles.trust_run(run)
    pickles.check(run / "policy.zip")
    pickles.check(run / "checkpoint" / "model.zip")


@pytest.mark.parametrize(
    "command", [["evaluate", "RUN", "--episodes", "1"], ["export", "RUN", "--out", "OUT", "--name", "mine"]]
)
def test_the_flag_is_asked_for(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path, command: list[str]
) -> None:
    from robocell_agents.acting.run_folder import write_config
    from robocell_agents.acting.training_config import TrainingConfig
    from robocell_controller.cell.config import CellConfig
    from robocell_controller.config import load

    write_config(run / "config.yaml", load(TrainingConfig, "agents", "pick_place"))
    write_config(run / "cell.yaml", load(CellConfig, "cells", "pick_place"))
    arguments = [{"RUN": str(run), "OUT": str(tmp_path / "out")}.get(word, word) for word in command]
    assert execute(arguments) == 2
    assert "not made here" in capsys.readouterr().err
    assert execute([*arguments, "--trust-pickle"]) == 2
    assert "policy.zip: damaged, or something else (AssertionError" in capsys.readouterr().err  # SB3 was let at it


def test_the_flag_needs_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["evaluate", "program:guided", "--trust-pickle"]) == 2
    assert "--trust-pickle: no pickle in" in capsys.readouterr().err
