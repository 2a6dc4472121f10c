"""What the commands leave in a user's home, and whom they ask in the network: nothing that is not ours, and nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from elsewhere import KINDS, saved
from real_time import undisturbed

from robocell_envs.cell_env import PickPlaceEnv

ROOT = Path(__file__).parents[3]
POLICY = ROOT / "results" / "policies" / "pick_place"
OURS = Path("home", ".config", "robocell")
MAIN = "from robocell_controller.commands.cli import main; main()"
SHORT_EXPORT = f"from robocell_agents.export import export; export.LEARNED = export.SAMPLES; {MAIN}"
# For every interpreter that a command starts, its workers too: connections that are no files of this machine.
WATCH = """
import os, sys

ASKING = ("connect", "bind", "sendto", "getaddrinfo", "gethostbyname", "gethostbyaddr")

def watch(event, arguments):
    place, _, name = event.partition(".")
    local = isinstance(arguments[1], (str, bytes)) if name in ("connect", "bind", "sendto") else False
    if place == "socket" and name in ASKING and not local:
        with open(os.environ["ASKED"], "a") as file:
            print(event, arguments[1:], file=file)

sys.addaudithook(watch)
"""


def foreign(folder: Path, *arguments: str, code: str = MAIN) -> set[str]:
    """Runs a command in an empty home; what it leaves in home, temporary and working folder that is not ours.

    The environment is bare: on a machine that builds and tests, some libraries keep quieter than at a user's.
    """
    for name in ("home", "cwd", "watch"):
        (folder / name).mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    paths = os.pathsep.join(filter(None, [str(folder / "watch"), os.environ.get("PYTHONPATH")]))
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "ASKED": str(folder / "asked")}
    with tempfile.TemporaryDirectory() as short:  # sockets between workers lie in it, and their paths have a limit
        environment = {**bare, "HOME": str(folder / "home"), "TMPDIR": short}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=folder / "cwd", env=environment, capture_output=True, text=True, check=False)
        left = [Path("tmp", path.relative_to(short)) for path in Path(short).rglob("*") if not path.is_dir()]
    assert done.returncode == 0, done.stderr
    assert not (folder / "asked").exists(), (folder / "asked").read_text()
    files = (path for name in ("home", "cwd") for path in (folder / name).rglob("*") if not path.is_dir())
    return {str(path) for path in (*left, *(path.relative_to(folder) for path in files)) if not ours(path)}


def ours(path: Path) -> bool:
    return path.is_relative_to(OURS) or path.match("tmp/robocell-*/*")


def test_the_watch_sees(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    environment = {"PYTHONPATH": str(tmp_path), "ASKED": str(tmp_path / "asked")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert "socket.connect" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", str(POLICY)],
        ["run", str(POLICY), "--parts", "1", "--shadow", str(POLICY)],
        ["evaluate", str(POLICY), "--episodes", "2", "--workers", "2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_leaves_nothing_behind(tmp_path: Path, arguments: list[str]) -> None:
    assert foreign(tmp_path, *arguments) == set()


def test_figures_leave_a_cache_in_our_own_home(tmp_path: Path) -> None:
    assert foreign(tmp_path, code="import robocell_agents.pages.figures") == set()
    assert any((tmp_path / OURS / "matplotlib").iterdir())


@pytest.mark.usefixtures("real_time")
@undisturbed
def test_a_run_in_real_time_leaves_its_log(tmp_path: Path) -> None:
    left = foreign(tmp_path, "run", str(POLICY), "--parts", "1", "--realtime", "--log", "run.log")
    assert left == {"cwd/run.log"}


def test_an_export_leaves_its_bundle(tmp_path: Path) -> None:
    files = saved(tmp_path, KINDS["PPO"]("MlpPolicy", PickPlaceEnv(), n_steps=8, batch_size=8))
    order = ["export", str(files.policy), "--cell", "pick_place", "--out", "bundle", "--trust-pickle"]
    left = foreign(tmp_path, *order, code=SHORT_EXPORT)
    assert left and all(path.startswith("cwd/bundle/") for path in left)
