"""The command line's output: full disks, readers that have gone, closed streams. As processes: the end counts too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from full_disk import largest_file

from robocell_controller.commands.cli import execute
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.replay import replay

ROBOCELL = [sys.executable, "-c", "from robocell_controller.commands.cli import main; main()"]
RUN = ["run", "program:guided", "--parts", "1"]


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "list"], [*RUN, "--json"], RUN])
def test_a_full_stdout_is_one_line_and_code_1(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*ROBOCELL, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("parts, ")]
    assert (done.returncode, lines) == (1, ["robocell: error: standard output: No space left on device"])


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "list"], ["keys", "list", "--json"]])
def test_a_reader_that_has_gone_ends_a_command_silently(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*ROBOCELL, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_closed_stdout_is_an_error_and_no_file_takes_its_place() -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *ROBOCELL, "keys", "list"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "robocell: error: standard output: Bad file descriptor\n")


def test_a_full_disk_ends_the_log_and_not_the_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    with largest_file(100_000):
        code = execute([*RUN, "--log", str(log), "--json"])
    said = capsys.readouterr()
    assert (code, said.err) == (1, f"robocell: error: {log}: File too large: the log ends before the run\n")
    figures = json.loads(said.out)
    assert (figures["parts"], figures["stopped"]) == (1, None)
    assert read_log(log).torn == 0
    found = replay(log)
    assert found.exact and not found.complete and 0 < found.ticks * 600 < 100_000


def test_a_log_that_cannot_be_begun_is_no_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with largest_file(100):
        assert execute([*RUN, "--log", str(tmp_path / "run.log")]) == 1
    assert capsys.readouterr().err == f"robocell: error: {tmp_path / 'run.log'}: File too large\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_a_log_takes_the_place_of_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    place = tmp_path / "run.log"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("other")
        (tmp_path / "other").touch() if kind == "link" else None
    before = place.lstat()
    assert execute([*RUN, "--log", str(place)]) == 2
    assert "run.log: exists already" in capsys.readouterr().err
    assert os.path.samestat(place.lstat(), before)


def test_half_a_key_is_not_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOCELL_HOME", str(tmp_path))
        with largest_file(200):  # room for the private half
            assert execute(["keys", "new", "line"]) == 1
        assert "line.yaml: File too large" in capsys.readouterr().err
        assert not list(tmp_path.rglob("line*"))
        assert execute(["keys", "new", "line"]) == 0


def test_a_bundle_whose_new_key_cannot_be_kept_stays_signed(
    capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "release").touch()
    before = (bundle / "manifest.sig").read_bytes()
    assert execute(["sign", str(bundle), "--release", str(tmp_path / "release")]) == 2
    assert "Not a directory" in capsys.readouterr().err
    assert (bundle / "manifest.sig").read_bytes() == before


def test_a_stream_that_knows_ascii_alone_is_no_error() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*ROBOCELL, *RUN], capture_output=True, text=True, env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "parts placed" in done.stdout
