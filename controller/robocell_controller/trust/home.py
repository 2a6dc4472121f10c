"""The folder where this installation keeps its keys, its memory of epochs and its store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robocell_controller.files import make_folder, writing

VARIABLE = "ROBOCELL_HOME"


def home() -> Path:
    """``$ROBOCELL_HOME``, else ``robocell`` in the user's config folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "robocell"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system lets go of the lock of a process that dies.

    Raises:
        InputError: the folder can't be written to.
        OSError: a fault of the machine, such as a full disk.
    """
    make_folder(folder)
    with writing(folder / ".lock"):
        file = (folder / ".lock").open("ab")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
