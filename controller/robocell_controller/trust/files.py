"""The files of a bundle's folder: exactly the expected ones, plain, within their caps, each read once."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from robocell_controller.trust.refusals import Code, RefusedError


def read_files(folder: Path, caps: Mapping[str, int], absent: Mapping[str, Code]) -> dict[str, bytes]:
    """Content of every file of ``folder``.

    Args:
        folder: what to read.
        caps: the expected names, and the greatest size of each, bytes.
        absent: the code for a missing file where it is not :attr:`Code.FILE_MISSING`.

    Raises:
        RefusedError: no folder; a link, stray, missing, duplicate, empty or too large file.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        found = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise RefusedError(Code.FOLDER, folder, found, "a bundle made by robocell export") from error
    try:
        _check_names(folder, _names(descriptor, len(caps)), caps, absent)
        return {name: _read(descriptor, folder / name, cap) for name, cap in caps.items()}
    finally:
        os.close(descriptor)


def _names(descriptor: int, expected: int) -> list[str]:
    """Names in the folder, a few more than expected at most: a folder of millions of files is refused early."""
    with os.scandir(descriptor) as entries:
        return sorted(entry.name for entry, _ in zip(entries, range(2 * expected), strict=False))


def _check_names(folder: Path, found: list[str], caps: Mapping[str, int], absent: Mapping[str, Code]) -> None:
    wanted = ", ".join(caps)
    for name in found:
        if name not in caps and _folded(name) in caps:
            raise RefusedError(Code.FILE_DUPLICATE, folder / name, "a name that some systems take for another", wanted)
    for name in found:
        if name not in caps:
            raise RefusedError(Code.FILE_STRAY, folder / name, "a stray file", f"nothing in the bundle but {wanted}")
    for name in caps:
        if name not in found:
            raise RefusedError(absent.get(name, Code.FILE_MISSING), folder / name, "missing", f"a bundle with {wanted}")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip(". ")


def _read(folder: int, path: Path, cap: int) -> bytes:
    """Opens without following links or waiting for a pipe's other end, then looks at what was opened."""
    try:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if path.is_symlink():
            raise RefusedError(Code.FILE_LINK, path, "a link", "a plain file") from error
        raise RefusedError(Code.FILE_UNREADABLE, path, error.strerror or str(error), "a readable file") from error
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise RefusedError(Code.FILE_KIND, path, "a folder, pipe or device", "a plain file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(cap + 1) if about.st_size <= cap else b""
    if max(about.st_size, len(content)) > cap:
        raise RefusedError(Code.SIZE_CAP, path, f"more than {cap} bytes", f"at most {cap}")
    if not content:
        raise RefusedError(Code.FILE_EMPTY, path, "an empty file", "the file as exported")
    return content
