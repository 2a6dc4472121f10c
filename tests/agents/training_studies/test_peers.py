"""A study of peers: real trainings of panda-gym's task by the clock, done once, and refused when they are others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from robocell_agents.commands.study import run_study
from robocell_agents.evaluation.side_by_side import cores
from robocell_agents.results.regenerate import regenerate
from robocell_agents.training_studies.peers import peers_study
from robocell_agents.training_studies.peers_config import is_peers_study, load_peers
from robocell_agents.training_studies.peers_report import peer_rows
from robocell_controller.errors import InputError

ROOT = Path(__file__).parents[3]
SAC: dict[str, Any] = {"algorithm": "sac", "settings": {"batch_size": 16, "policy_kwargs": {"net_arch": [8]}}}
TQC = {"algorithm": "tqc", "settings": {"batch_size": 16, "policy_kwargs": {"net_arch": [8], "n_critics": 1}}}
CONTENT: dict[str, Any] = {
    "env": "PandaReach-v3",
    "peers": {"small": SAC, "other": TQC},
    "hindsight": {"n_sampled_goal": 4, "goal_selection_strategy": "future"},
    "time_limit_s": 3.0,
    "every_s": 2.0,
    "episodes": 2,
    "seeds": [0],
    "cores": 1,
    "side_by_side": len(cores()),
    "reach": 1.0,
    "ours": str(ROOT / "results" / "time_to_99"),
}


def _file(folder: Path, **keys: Any) -> Path:
    path = folder / "others.yaml"
    content = {**CONTENT, "runs": str(folder / "runs"), "out": str(folder / "results" / "others"), **keys}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished study."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "temporary").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "temporary"))
        document, _ = peers_study(_file(folder))
    return folder, document


@pytest.fixture
def copy(done: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """The folder of a finished study, free to be changed."""
    shutil.copytree(done[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_trainings_leave_nothing_in_the_temporary_folder(done: tuple[Path, dict[str, Any]]) -> None:
    left = {path.name.partition("_")[0] for path in (done[0] / "temporary").iterdir()}
    assert left <= {"torchinductor"}  # one of torch, always the same


def test_each_peer_is_validated_by_the_clock_until_its_time_is_up(done: tuple[Path, dict[str, Any]]) -> None:
    _, document = done
    assert list(document["peers"]) == ["small", "other"]
    for peer in document["peers"].values():
        curve = peer["runs"]["0"]
        walls, steps = [row["wall_s"] for row in curve], [row["steps"] for row in curve]
        assert walls == sorted(walls) and walls[0] >= 2.0 and walls[-1] >= 3.0
        assert steps == sorted(steps) and steps[0] > 0
        for row in curve:
            assert row["success"] in (0.0, 0.5, 1.0) and 0.0 <= row["low"] <= row["success"] <= row["high"] <= 1.0


def test_our_own_trainings_stand_beside_them(done: tuple[Path, dict[str, Any]]) -> None:
    folder, document = done
    header, *rows = peer_rows(document)
    names = [row[0] for row in rows]
    assert names[:2] == ["PandaReach-v3, small", "PandaReach-v3, other"]
    assert names[2:] == ["pick_place, ppo", "conveyor_pick, ppo"] and header[-1] == "≥ 100 % after"
    page = (folder / "results/others/peers.md").read_text(encoding="utf-8")
    assert all(name in page for name in names) and "time_to_99" in page
    assert "<svg" in (folder / "results/others/curves.svg").read_text(encoding="utf-8")


def test_what_is_trained_is_not_trained_again(copy: Path, done: tuple[Path, dict[str, Any]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (copy / "runs").iterdir()}
    tables, folder = run_study(str(_file(copy)), 1)
    assert {path: path.stat().st_mtime_ns for path in (copy / "runs").iterdir()} == before
    assert folder == copy / "results" / "others" and tables[0].row_count == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"peers": {"small": {**SAC, "settings": {**SAC["settings"], "batch_size": 32}}}},
            r"batch_size: 32; expected 16",
        ),
        ({"time_limit_s": 4.0}, r"time_limit_s: 4\.0; expected 3\.0 as it was trained"),
    ],
)
def test_a_curve_of_another_training_is_refused(copy: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=r"small-0\.json: .*" + message):
        peers_study(_file(copy, **keys))


def test_a_training_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    path = _file(tmp_path, peers={"small": {**SAC, "settings": {"policy_kwargs": {"no_such_argument": 1}}}})
    with pytest.raises(InputError, match=r"small-0\.log: .*no_such_argument"):
        peers_study(path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"peers": {"small": {**SAC, "settings": {"no_such_setting": 1}}}}, r"small\.settings\.no_such_setting"),
        ({"peers": {"small": {**SAC, "settings": {"device": "cuda"}}}}, r"small\.settings\.device.*on the CPU"),
        ({"peers": {"../small": SAC}}, r"peers\.\.\./small"),
        ({"hindsight": {"n_sampled_goal": 0}}, r"hindsight\.n_sampled_goal.*: 0; expected greater than 0"),
        ({"seeds": [0, 0]}, r"seeds.*each once, and not 0 again"),
    ],
)
def test_what_no_peer_can_be_trained_with_is_told_before_anything_is_trained(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        peers_study(_file(tmp_path, **keys))
    assert not (tmp_path / "runs").exists()


def test_an_unknown_environment_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="env: NoSuchTask-v3"):
        peers_study(_file(tmp_path, env="NoSuchTask-v3"))
    assert not (tmp_path / "runs").exists()


def test_more_cores_than_there_are_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="side_by_side"):
        peers_study(_file(tmp_path, side_by_side=999))


def test_the_default_study_is_one_of_peers() -> None:
    assert is_peers_study("peers") and not is_peers_study("bakeoff")
    assert load_peers("peers").config.env == "PandaPickAndPlace-v3"


def test_a_stale_page_is_made_again(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "results", copy / "results", dirs_exist_ok=True)
    shutil.copytree(ROOT / "docs", copy / "docs")
    shutil.copy(ROOT / "README.md", copy)
    assert regenerate(copy / "results", check=True) == 0
    path = copy / "results/others/peers.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "reach": 0.75}), encoding="utf-8")
    assert regenerate(copy / "results", check=True) == 1
    assert "peers.md: stale" in capsys.readouterr().err
    assert regenerate(copy / "results", check=False) == regenerate(copy / "results", check=True) == 0
    assert "≥ 75 % after" in (copy / "results/others/peers.md").read_text(encoding="utf-8")
