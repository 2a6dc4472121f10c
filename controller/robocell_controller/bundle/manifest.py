"""The manifest of a bundle: what it is called, where it comes from, and what exactly is in it. It is what is signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import StringConstraints

from robocell_controller.config import Config
from robocell_controller.trust.canonical import json_bytes, read_canonical
from robocell_controller.trust.refusals import Code, RefusedError

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"


class FileEntry(Config):
    """Size (bytes) and sha256 (hexadecimal) of one file."""

    size: Annotated[int, Ge(0)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Manifest(Config):
    """Name, version, origin and content of a bundle.

    Attributes:
        epoch: grows when older bundles of the name are to be withdrawn: who has seen it lets no lower one in.
        parity: greatest difference between the learner's policy and the graph, by kind of observation.
        files: every file of the bundle but the manifest and its signature.
    """

    schema_version: Literal[2] = 2
    name: Annotated[str, MinLen(1)]
    version: str
    epoch: Annotated[int, Ge(1)] = 1
    created_by: dict[str, Any]
    parity: dict[str, float]
    files: dict[str, FileEntry]

    def to_bytes(self) -> bytes:
        """The one form of this manifest that loading accepts, and that is signed."""
        return json_bytes(self.model_dump())


def read_manifest(path: Path, data: bytes, names: set[str]) -> Manifest:
    """The manifest of ``path``.

    Args:
        path: for errors.
        data: the file's content.
        names: the files that it has to list.

    Raises:
        RefusedError: not a manifest in its one form, or other names in it.
    """
    manifest = read_canonical(Manifest, path, data)
    for name in manifest.files:
        if "/" in name or "\\" in name or name.startswith(".") or "\0" in name:
            raise RefusedError(Code.MANIFEST_TRAVERSAL, f"{path}: files", repr(name)[:80], "names without folders")
    if manifest.files.keys() != names:
        differ = ", ".join(sorted(manifest.files.keys() ^ names))
        raise RefusedError(Code.MANIFEST_FILES, f"{path}: files", f"another list, it differs in {differ}", "each file")
    return manifest


def check_hashes(folder: Path, manifest: Manifest, content: Mapping[str, bytes]) -> None:
    """Compares the files with what the manifest says of them.

    Raises:
        RefusedError: the size or hash of a file differs.
    """
    for name, entry in sorted(manifest.files.items()):
        found = entry_of(content[name])
        if found.size != entry.size:
            raise RefusedError(Code.HASH_SIZE, folder / name, f"{found.size} bytes", f"{entry.size}, as in {MANIFEST}")
        if found.sha256 != entry.sha256:
            expected = f"{entry.sha256[:12]}…, as in {MANIFEST}"
            raise RefusedError(Code.HASH_CONTENT, folder / name, f"sha256 {found.sha256[:12]}…", expected)


def entry_of(data: bytes) -> FileEntry:
    """What a manifest says of a file."""
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())
