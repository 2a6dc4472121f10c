"""The bundle: a policy with all it needs to be run and checked. Loading trusts nothing.

A folder with ``manifest.json`` (sha256 and size of every other file) · ``policy.onnx`` · ``contract.json`` (what the
numbers mean) · ``golden.npz`` (observations and the actions they must give) · ``evaluation.json`` · ``card.md``.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, MinLen
from pydantic import StringConstraints

from robocell_controller.cell import CellConfig
from robocell_controller.config import C, Config, parse
from robocell_controller.contract import ACTION_NAMES, ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.motion import MotionConfig, RatesConfig
from robocell_controller.observer import FEATURES, OBSERVATION_SIZE
from robocell_controller.onnx_policy import OnnxPolicy

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
TOLERANCE = 1e-5  # greatest difference of an action, between SB3 and ONNX Runtime and at golden replay
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest time: the same content gives the same bytes

Arrays = dict[str, npt.NDArray[np.float32]]


class FeatureConfig(Config):
    """One entry of the observation, see ``observer.Feature``."""

    name: str
    unit: str
    scale: float
    clip: float


class Contract(Config):
    """What the policy's numbers mean: it fits only a controller and a cell that say the same."""

    schema_version: Literal[1] = 1
    cell: str
    robot: str
    rates: RatesConfig
    motion: MotionConfig
    observation: list[FeatureConfig]
    action: list[str]


class FileEntry(Config):
    """Size (bytes) and sha256 (hexadecimal) of one file."""

    size: Annotated[int, Ge(0)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Manifest(Config):
    """What the bundle is called, where it comes from, and what exactly is in it.

    ``parity`` holds the greatest differences between the learner's policy and the graph, by kind of observation.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, MinLen(1)]
    version: str
    created_by: dict[str, Any]
    parity: dict[str, float]
    files: dict[str, FileEntry]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle."""

    policy: OnnxPolicy
    contract: Contract
    manifest: Manifest


def own_contract(cell: CellConfig, name: str) -> Contract:
    """The contract of policies trained in ``cell``, called ``name``, with this controller."""
    observation = [FeatureConfig(name=f.name, unit=f.unit, scale=f.scale, clip=f.clip) for f in FEATURES]
    return Contract(
        cell=name,
        robot=cell.load_robot().name,
        rates=cell.rates,
        motion=cell.motion,
        observation=observation,
        action=list(ACTION_NAMES),
    )


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
    _check_hashes(folder, manifest, content)
    contract = _parse_json(Contract, folder / CONTRACT, content[CONTRACT])
    _check_contract(folder / CONTRACT, contract, cell)
    policy = OnnxPolicy(folder / POLICY, content[POLICY])
    _replay(folder / GOLDEN, policy, content[GOLDEN])
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
        for name, data in {**files, MANIFEST: json_bytes(checked.model_dump())}.items():
            (beside / name).write_bytes(data)
        load_bundle(beside)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def json_bytes(content: dict[str, Any]) -> bytes:
    """JSON as the bundle's files hold it."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def golden_bytes(arrays: Arrays) -> bytes:
    """An npz file without time stamps, so that the same arrays give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
    return stream.getvalue()


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
            raise InputError(
                folder / name, f"sha256 {found.sha256[:12]}…", f"{entry.sha256[:12]}…, as in {MANIFEST}"
            )


def _entry(data: bytes) -> FileEntry:
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _check_contract(path: Path, contract: Contract, cell: CellConfig | None) -> None:
    """Against this controller's observer and actions and, where there is one, against the cell."""
    here = {
        "observation": [FeatureConfig(name=f.name, unit=f.unit, scale=f.scale, clip=f.clip) for f in FEATURES],
        "action": list(ACTION_NAMES),
    }
    if cell is not None:
        here |= own_contract(cell, contract.cell).model_dump(include={"robot", "rates", "motion"})
    given = contract.model_dump()
    for key, expected in Contract.model_construct(**here).model_dump(warnings=False).items():
        difference = _difference(key, given[key], expected) if key in here else None
        if difference:
            place, found, wanted = difference
            who = "this cell" if key in ("robot", "rates", "motion") else "this controller"
            raise InputError(f"{path}: {place}", repr(found), f"{wanted!r}, as {who} has it")


def _difference(key: str, found: Any, expected: Any) -> tuple[str, Any, Any] | None:
    """Place, value found and value expected of the first difference."""
    if isinstance(expected, dict) and isinstance(found, dict):
        pairs = ((f"{key}.{name}", found.get(name), value) for name, value in expected.items())
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        pairs = ((f"{key}.{i}", a, b) for i, (a, b) in enumerate(zip(found, expected, strict=True)))
    else:
        return None if found == expected else (key, found, expected)
    return next((hit for place, a, b in pairs if (hit := _difference(place, a, b))), None)


def _replay(path: Path, policy: OnnxPolicy, data: bytes) -> None:
    observations, actions = _golden(path, data)
    replayed = np.array([policy.act(observation) for observation in observations])
    error = np.abs(replayed - actions).max(axis=1)
    worst = int(np.argmax(np.nan_to_num(error, nan=np.inf)))
    if not error[worst] <= TOLERANCE:
        raise InputError(f"{path}: row {worst}", f"{POLICY} differs by {error[worst]:.1e}", f"{TOLERANCE:.0e} at most")
