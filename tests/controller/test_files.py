from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from full_disk import largest_file

from robocell_controller.errors import InputError
from robocell_controller.files import append_line, beside, folder_beside, make_folder, write_bytes, write_text

NEW = b"new\n"


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path) -> object:
    yield
    assert not list(tmp_path.rglob(".*"))


def test_a_new_file_gets_its_folders_and_the_users_default_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "c" / "new.json"
    write_bytes(path, NEW)
    (tmp_path / "plain").touch()
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    write_bytes(tmp_path / "secret", NEW, mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o604, 0o750])
def test_an_old_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(mode)
    write_bytes(path, NEW)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (NEW, mode)


@pytest.mark.parametrize("target", ["old", "missing", "missing/deep/new"])
def test_a_link_is_written_through(tmp_path: Path, target: str) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to(target)
    write_bytes(tmp_path / "first", NEW)
    assert (tmp_path / "first").is_symlink() and (tmp_path / "second").is_symlink()
    assert (tmp_path / target).read_bytes() == NEW


@pytest.mark.parametrize("exists", [True, False])
def test_a_linked_folder_is_written_into(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    write_bytes(tmp_path / "link" / "file", NEW)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "file").read_bytes() == NEW
    with folder_beside(tmp_path / "link" / "sub") as new:
        (new / "file").write_bytes(NEW)
    assert (tmp_path / "folder" / "sub" / "file").read_bytes() == NEW


def folder(path: Path) -> None:
    path.mkdir()


def circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (folder, "", "x: Is a directory"),
        (circle, "", "x: Too many levels of symbolic links"),
        (circle, "file", "x/file: Too many levels"),
        (Path.touch, "file", "x/file: Not a directory"),
        (folder, "y" * 300, "y: File name too long"),
    ],
)
def test_where_nothing_can_be_written_is_bad_input(
    tmp_path: Path, make: Callable[[Path], None], name: str, message: str
) -> None:
    make(tmp_path / "x")
    before = (tmp_path / "x").lstat()
    with pytest.raises(InputError, match=f"{message}.*; expected a place to write to"):
        write_bytes(tmp_path / "x" / name, NEW)
    assert os.path.samestat((tmp_path / "x").lstat(), before)


def test_a_file_in_a_folders_place_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match="x: not a folder"):
        make_folder(tmp_path / "x")


def test_the_longest_name_is_not_too_long(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("x" * 250 + ".json"), NEW)
    assert (tmp_path / ("x" * 250 + ".json")).read_bytes() == NEW


def test_a_pipe_gets_a_stream_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_bytes(tmp_path / "pipe", NEW)
    reader.join()
    assert got == [NEW] and (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes devices")
def test_a_device_stays(tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(tmp_path / "full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
    (tmp_path / "link").symlink_to("null")
    for name in ("null", "link"):
        write_bytes(tmp_path / name, NEW)
    with pytest.raises(OSError, match="full"):
        write_bytes(tmp_path / "full", NEW)
    assert (tmp_path / "null").is_char_device() and (tmp_path / "full").is_char_device()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("to", ["pipe", "file", "same file"])
def test_output_to_stdout_comes_between_what_is_printed(tmp_path: Path, to: str) -> None:
    path = tmp_path / "out"
    place = path if to == "same file" else Path("/dev/stdout")
    code = f"""
from pathlib import Path
from robocell_controller.files import write_text
print("before")
write_text(Path({str(place)!r}), "output\\n")
print("after")
"""
    with path.open("wb") as file:
        out = subprocess.PIPE if to == "pipe" else file
        done = subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (done.stdout if to == "pipe" else path.read_bytes()) == b"before\noutput\nafter\n"


def test_work_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(RuntimeError), beside(tmp_path / "old") as new:
        new.write_bytes(NEW)
        raise RuntimeError
    with pytest.raises(RuntimeError), folder_beside(tmp_path / "folder") as new:
        (new / "file").write_bytes(NEW)
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]


def test_a_full_disk_is_a_fault_of_the_machine_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with largest_file(10):
        with pytest.raises(OSError, match="File too large") as caught:
            write_text(tmp_path / "old", "x" * 11)
        write_text(tmp_path / "small", "x" * 10)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "old"))
    assert (tmp_path / "old").read_text() == "old"


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, beside(tmp_path / "out"):
        (tmp_path / "in").read_bytes()
    assert caught.value.filename == str(tmp_path / "in")


def test_a_line_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines"
    append_line(path, "first")
    with largest_file(12), pytest.raises(OSError, match="lines"):
        append_line(path, "second, which is cut off")
    append_line(path, "third")
    assert path.read_text() == "first\nthird\n"
