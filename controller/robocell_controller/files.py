"""Files that are written: whole or not at all, through links, into pipes and devices, with errors that name them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory

from robocell_controller.errors import InputError

# Of the machine, not of the place that was asked for.
FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF, errno.ENOMEM, errno.EMFILE)
SCRATCH = ".robocell-"  # begins the names of folders in which output waits for its place


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of writing ``path`` name it, also where the system's error names no file.

    Raises:
        InputError: nothing can be written there.
        OSError: a fault of the machine, such as a full disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or not _is_about(error, path):
            raise
        if error.errno in FAULTS:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise InputError(path, error.strerror or str(error), "a place to write to") from error


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where there are none; raises as :func:`writing`."""
    with writing(folder):
        try:
            Path(os.path.realpath(folder)).mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise InputError(folder, "not a folder", "a place to write to") from error
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(folder)) from error


@contextmanager
def beside(path: Path, mode: int | None = None) -> Iterator[Path]:
    """A file to write: put into its place at the end, or removed if the work fails; then the old one stays.

    A link is written through. What is no regular file, as a pipe is, stays what it is: the content is streamed into it.

    Args:
        path: the place; its folder is made where there is none.
        mode: permissions; those of the old file when left out, or the user's default for new ones.

    Raises:
        InputError: it can't be written there.
        OSError: a fault of the machine, such as a full disk.
    """
    with writing(path):
        about = _about(path)
        if about is None or (stat.S_ISREG(about.st_mode) and _own_stream(about) is None):
            with _replaced(path, about, mode) as new:
                yield new
        else:
            with _streamed(path, about) as new:
                yield new


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder to fill, renamed to ``path``, which must not exist, at the end; raises as :func:`beside`."""
    with writing(path), _scratch_beside(path) as new:
        new.mkdir()
        yield new
        for file in new.iterdir():
            _sync(file)
        _sync(new)
        _rename(new, path)


def write_bytes(path: Path, content: bytes, mode: int | None = None) -> None:
    """Puts a file into place, see :func:`beside`."""
    with beside(path, mode) as new:
        new.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Puts a text file into place, see :func:`beside`."""
    write_bytes(path, text.encode("utf-8"))


def append_line(path: Path, line: str) -> None:
    """Adds a line, whole or not at all, to a file that is made where there is none; raises as :func:`writing`."""
    make_folder(path.parent)
    with writing(path), path.open("ab", buffering=0) as file:
        add(file, f"{line}\n".encode())


def add(file: FileIO, content: bytes) -> None:
    """Adds to an unbuffered file that is at its end: all, or after an error nothing."""
    before, left = file.tell(), memoryview(content)
    try:
        while left:
            left = left[file.write(left) :]
    except BaseException:
        file.seek(before)
        file.truncate()
        raise


@contextmanager
def _replaced(path: Path, about: os.stat_result | None, mode: int | None) -> Iterator[Path]:
    if about and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with _scratch_beside(path) as new:
        yield new
        _give_rights(new, about, mode)
        _sync(new)
        _rename(new, path)


def _give_rights(new: Path, about: os.stat_result | None, mode: int | None) -> None:
    """Owner and permissions of the old file, as far as this user may give them; ``mode`` goes before them."""
    if about:
        with suppress(OSError):
            os.chown(new, about.st_uid, about.st_gid)
    wanted = stat.S_IMODE(about.st_mode) if about and mode is None else mode
    if wanted is not None:
        new.chmod(wanted)


@contextmanager
def _streamed(path: Path, about: os.stat_result) -> Iterator[Path]:
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with TemporaryDirectory(prefix=SCRATCH) as folder:
        new = Path(folder) / path.name
        yield new
        own = _own_stream(about)
        with new.open("rb") as content, path.open("wb") if own is None else os.fdopen(os.dup(own), "wb") as out:
            shutil.copyfileobj(content, out)


@contextmanager
def _scratch_beside(path: Path) -> Iterator[Path]:
    """A free name on the same disk, in a folder that goes at the end with all that is in it."""
    place = _place(path)
    make_folder(place.parent)
    with TemporaryDirectory(prefix=SCRATCH, dir=place.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder) / place.name


def _rename(new: Path, path: Path) -> None:
    place = _place(path)
    new.rename(place)
    _sync(place.parent)


def _place(path: Path) -> Path:
    """Where the links end."""
    return Path(os.path.realpath(path))


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _about(path: Path) -> os.stat_result | None:
    """What is there, behind all links; None for nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _own_stream(about: os.stat_result) -> int | None:
    """This process's stdout or stderr, if that is it: opened again, a file would begin anew under it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError, ValueError):  # closed, or none that the system knows
            if os.path.samestat(os.fstat(stream.fileno()), about):
                stream.flush()
                return stream.fileno()
    return None


def _is_about(error: OSError, path: Path) -> bool:
    named = "" if error.filename is None else os.fsdecode(str(error.filename))
    return named in ("", str(path)) or f"/{SCRATCH}" in named
