"""The bundle: a policy with all it needs to be run and checked. Loading trusts nothing.

A folder with ``manifest.json`` (sha256 and size of every other file) · ``policy.onnx`` · ``contract.json``
(what the numbers mean) · ``golden.npz`` (observations and their actions) · ``evaluation.json`` · ``card.md``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import StringConstraints

from robocell_controller.cell import CellConfig
from robocell_controller.config import C, Config, parse
from robocell_controller.errors import InputError
from robocell_controller.golden import check_golden, parse_golden
from robocell_controller.onnx_policy import OnnxPolicy
from robocell_controller.policy_contract import Contract, check_contract

MANIFEST, POLICY, CONTRACT, GOLDEN = "manifest.json", "policy.onnx", "contract.json", "golden.npz"
EVALUATION, CARD = "evaluation.json", "card.md"
MEGABYTE = 2**20
SIZE_CAPS = {  # bytes
    MANIFEST: MEGABYTE,
    POLICY: 64 * MEGABYTE,
    CONTRACT: MEGABYTE,
    GOLDEN: 16 * MEGABYTE,
    EVALUATION: 16 * MEGABYTE,
    CARD: MEGABYTE,
}


class FileEntry(Config):
    """Size (bytes) and sha256 (hexadecimal) of one file."""

    size: Annotated[int, Ge(0)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Manifest(Config):
    """What the bundle is called, where it comes from, and what exactly is in it.

    ``parity``: greatest difference between the learner's policy and the graph, by kind of observation.
    ``sha256``: of the other fields, see :meth:`to_bytes`.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, MinLen(1)]
    version: str
    created_by: dict[str, Any]
    parity: dict[str, float]
    files: dict[str, FileEntry]
    sha256: str = ""

    def to_bytes(self) -> bytes:
        """The one form of this manifest that loading accepts, so that no byte of it can change unnoticed."""
        content = self.model_dump(exclude={"sha256"})
        return json_bytes({**content, "sha256": hashlib.sha256(json_bytes(content)).hexdigest()})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle."""

    policy: OnnxPolicy
    contract: Contract
    manifest: Manifest


def load_bundle(folder: Path, cell: CellConfig | None = None) -> Bundle:
    """Reads and checks a bundle, each file once: what is checked is what runs.

    Args:
        folder: the bundle.
        cell: the cell it is to drive, if it is to drive one.

    Raises:
        InputError: names the file and what was expected of it.
    """
    content = _read(folder)
    manifest = _parse_json(Manifest, folder / MANIFEST, content[MANIFEST])
    if manifest.to_bytes() != content[MANIFEST]:
        raise InputError(folder / MANIFEST, "changed since it was made", "the manifest as exported")
    _check_hashes(folder, manifest, content)
    contract = _parse_json(Contract, folder / CONTRACT, content[CONTRACT])
    check_contract(folder / CONTRACT, contract, cell)
    policy = OnnxPolicy(folder / POLICY, content[POLICY])
    check_golden(folder / GOLDEN, parse_golden(folder / GOLDEN, content[GOLDEN]), policy)
    return Bundle(policy, contract, manifest)


def write_bundle(folder: Path, files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    """Writes a bundle beside its place, loads it to check it, and renames it into place.

    Args:
        folder: the bundle; must not exist yet.
        files: content of every file but the manifest, by name.
        manifest: ``name``, ``version``, ``created_by`` and ``parity``.

    Raises:
        InputError: ``folder`` exists, or the bundle would not load.
    """
    if folder.exists():
        raise InputError(folder, "exists already", "a new folder")
    entries = {name: _entry(data).model_dump() for name, data in sorted(files.items())}
    checked = parse(Manifest, {**manifest, "files": entries}, folder / MANIFEST)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        for name, data in {**files, MANIFEST: checked.to_bytes()}.items():
            (beside / name).write_bytes(data)
        load_bundle(beside)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def json_bytes(content: dict[str, Any]) -> bytes:
    """JSON as the bundle's files hold it."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read(folder: Path) -> dict[str, bytes]:
    """All files of the bundle: exactly the expected ones, plain files, none too large."""
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "a bundle made by robocell export")
    found = {path.name for path in folder.iterdir()}
    for name in sorted(SIZE_CAPS.keys() - found):
        raise InputError(folder / name, "missing", "a bundle with " + ", ".join(SIZE_CAPS))
    for name in sorted(found - SIZE_CAPS.keys()):
        raise InputError(folder / name, "a stray file", "nothing in the bundle but " + ", ".join(SIZE_CAPS))
    return {name: _read_file(folder / name, cap) for name, cap in SIZE_CAPS.items()}


def _read_file(path: Path, cap: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise InputError(path, "a link or folder", "a plain file")
    try:
        with path.open("rb") as file:
            content = file.read(cap + 1)
    except OSError as error:
        raise InputError(path, error.strerror or "unreadable", "a readable file") from error
    if len(content) > cap:
        raise InputError(path, f"more than {cap} bytes", f"at most {cap}")
    return content


def _parse_json(schema: type[C], path: Path, data: bytes) -> C:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not JSON ({error})", f"the {schema.__name__.lower()} as exported") from error
    if not isinstance(content, dict):
        raise InputError(path, type(content).__name__, "a JSON object")
    return parse(schema, content, path)


def _check_hashes(folder: Path, manifest: Manifest, content: dict[str, bytes]) -> None:
    listed, present = set(manifest.files), set(content) - {MANIFEST}
    if listed != present:
        names = ", ".join(sorted(listed ^ present))
        raise InputError(folder / MANIFEST, f"files and folder differ in {names}", "an entry for each file")
    for name, entry in manifest.files.items():
        found = _entry(content[name])
        if found.size != entry.size:
            raise InputError(folder / name, f"{found.size} bytes", f"{entry.size}, as in {MANIFEST}")
        if found.sha256 != entry.sha256:
            raise InputError(folder / name, f"sha256 {found.sha256[:12]}…", f"{entry.sha256[:12]}…, as in {MANIFEST}")


def _entry(data: bytes) -> FileEntry:
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())
