"""Pickles: Stable-Baselines3 saves programs, so only files that were made here are loaded.

Their SHA-256 is noted in this installation's home folder before they are put into place. Whoever trusts a file from
elsewhere says so once, with ``--trust-pickle``, and its SHA-256 is noted too.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

from robocell_agents.saved_files import saved_files
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
    """Notes every pickle of a run folder.

    Raises:
        InputError: there is none.
    """
    found = [path for name in _IN_A_RUN for path in sorted(run.glob(name))]
    if not found:
        raise InputError("--trust-pickle", f"no pickle in {run}", "a run folder, or a policy that SB3 saved")
    for path in found:
        note(path)


def trust(reference: str) -> None:
    """Notes every pickle of what a reference to an actor names, a run folder or a policy from elsewhere.

    Raises:
        InputError: there is none, or it can't be read.
    """
    files = saved_files(reference)
    for path in files.all if files else ():
        note(path)
    if not files:
        trust_run(Path(reference))


def check(path: Path) -> None:
    """Refuses what was not made here and not trusted.

    Raises:
        InputError: unknown content, or no such file.
    """
    known = _notes().read_text(encoding="ascii").split() if _notes().exists() else []
    if _digest(path) not in known:
        if path.suffix == ".zip" and not _whole(path):
            raise InputError(path, "damaged: no whole zip file", "what robocell train wrote: train again")
        expected = "a run of this installation, or --trust-pickle if you trust whoever made it: loading runs its code"
        raise InputError(path, "a pickle that was not made here, or was changed", expected)


def _whole(path: Path) -> bool:
    """Whether a zip file has all its bytes; nothing of it is unpickled."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        return False


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
