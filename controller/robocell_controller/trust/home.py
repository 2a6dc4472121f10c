"""The folder where this installation keeps its keys, its memory of epochs and its store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robocell_controller.errors import InputError

VARIABLE = "ROBOCELL_HOME"


def home() -> Path:
    """``$ROBOCELL_HOME``, else ``robocell`` in the user's config folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "robocell"


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file beside its place, on to the disk, and renames it: a kill or a power cut leaves old or new.

    Raises:
        InputError: it can't be written there.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a place to write to") from error


def sync_folder(folder: Path) -> None:
    """Waits until the names in ``folder`` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system lets go of the lock of a process that dies.

    Raises:
        InputError: the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("ab")
    except OSError as error:
        raise InputError(folder, error.strerror or str(error), "a folder to write to") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
