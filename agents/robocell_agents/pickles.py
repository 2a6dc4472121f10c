"""Pickles of run folders: Stable-Baselines3 saves programs, so only files that were made here are loaded.

Their SHA-256 is noted in this installation's home folder before they are put into place. Whoever trusts a file from
elsewhere says so once, with ``--trust-pickle``, and its SHA-256 is noted too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from robocell_controller.errors import InputError
from robocell_controller.files import append_line
from robocell_controller.trust.home import home, locked

_BLOCK = 2**20  # bytes
_IN_A_RUN = ("policy.zip", "certified.zip", "finalists/*.zip", "checkpoint/model.zip", "checkpoint/replay_buffer.pkl")


def note(path: Path) -> None:
    """From now on the content of ``path`` may be unpickled on this installation, wherever it lies.

    Raises:
        InputError: it can't be read, or the note can't be written.
        OSError: a fault of the machine, such as a full disk.
    """
    digest = _digest(path)
    with locked(home()):
        append_line(_notes(), digest)


def trust_run(run: Path) -> None:
    """Notes every pickle of a run folder: what ``--trust-pickle`` does.

    Raises:
        InputError: there is none.
    """
    found = [path for name in _IN_A_RUN for path in sorted(run.glob(name))]
    if not found:
        raise InputError("--trust-pickle", f"no pickle in {run}", "a run folder made by robocell train")
    for path in found:
        note(path)


def check(path: Path) -> None:
    """Refuses what was not made here and not trusted.

    Raises:
        InputError: unknown content, or no such file.
    """
    known = _notes().read_text(encoding="ascii").split() if _notes().exists() else []
    if _digest(path) not in known:
        expected = "a run of this installation, or --trust-pickle if you trust whoever made it: loading runs its code"
        raise InputError(path, "a pickle that was not made here", expected)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            return digest.hexdigest()
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a readable file") from error


def _notes() -> Path:
    return home() / "pickles.txt"
