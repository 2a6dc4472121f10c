"""Golden pairs: observations and the actions that the policy must give for them, replayed at loading."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.latency import Latencies
from robocell_controller.path.observer import OBSERVATION_SIZE
from robocell_controller.trust.refusals import Code, RefusedError

TOLERANCE = 1e-5  # of an action
REPLAY_LIMIT_S = 10.0
_WIDTHS = {"observations": OBSERVATION_SIZE, "actions": ACTION_SIZE}
_EXPECTED = f"'observations' float32 [n, {OBSERVATION_SIZE}] and 'actions' float32 [n, {ACTION_SIZE}], all finite"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest time: the same arrays give the same bytes
_UNIX = 3  # zip's number for the system that an archive was made on

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Golden:
    """Pairs of ``observations`` [n, OBSERVATION_SIZE] and ``actions`` [n, 5], float32."""

    observations: Vectors
    actions: Vectors

    def to_bytes(self) -> bytes:
        """The pairs as an npz file, in the one form that loading accepts."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name in _WIDTHS:
                member = io.BytesIO()
                array = np.ascontiguousarray(getattr(self, name))
                np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
                about = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                about.create_system = _UNIX
                archive.writestr(about, member.getvalue())
        return stream.getvalue()


def parse_golden(path: Path, content: bytes) -> Golden:
    """Pairs from the bytes of an npz file; nothing is unpacked or unpickled, arrays are views of ``content``.

    Raises:
        RefusedError: not such a file, other arrays in it, or other bytes than these pairs are written in.
    """
    members = _members(path, content)
    golden = Golden(**{name: _array(path, members[f"{name}.npy"], width) for name, width in _WIDTHS.items()})
    observations, actions = len(golden.observations), len(golden.actions)
    if observations != actions:
        raise RefusedError(Code.GOLDEN_ARRAYS, path, f"{observations} observations, {actions} actions", _EXPECTED)
    if golden.to_bytes() != content:
        raise RefusedError(Code.GOLDEN_ENCODING, path, "other bytes than its pairs give", "the file as exported")
    return golden


def check_golden(path: Path, golden: Golden, policy: OnnxPolicy) -> Latencies:
    """Replays the pairs of ``path`` on this machine; how long the policy took for each.

    Raises:
        RefusedError: an action differs by more than ``TOLERANCE``, or the replay takes more than ``REPLAY_LIMIT_S``.
    """
    latencies, begin = Latencies(), time.perf_counter_ns()
    for row, (observation, action) in enumerate(zip(golden.observations, golden.actions, strict=True)):
        start = time.perf_counter_ns()
        replayed = _replayed(f"{path}: row {row}", policy, observation)
        end = time.perf_counter_ns()
        latencies.add(end - start)
        error = float(np.nan_to_num(np.abs(replayed - action), nan=np.inf).max())
        if error > TOLERANCE:
            found = f"the policy's action differs by {error:.1e}"
            raise RefusedError(Code.GOLDEN_MISMATCH, f"{path}: row {row}", found, f"{TOLERANCE:.0e} at most")
        if end - begin > REPLAY_LIMIT_S * 1e9:
            found = f"{row + 1} of {len(golden.actions)} pairs in {REPLAY_LIMIT_S} s"
            raise RefusedError(Code.TOO_SLOW, path, found, "all of them")
    return latencies


def _replayed(place: str, policy: OnnxPolicy, observation: Vectors) -> Vectors:
    try:
        return policy.act(observation)
    except Exception as error:  # some graphs fail only when they run; ONNX Runtime has a class for each status code
        raise RefusedError(Code.ONNX_RUNTIME, place, str(error), "a graph that runs") from error


def _members(path: Path, content: bytes) -> dict[str, bytes]:
    names = {f"{name}.npy" for name in _WIDTHS}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in listed):
                found = "compressed members"  # a few bytes could unpack to gigabytes
                raise RefusedError(Code.GOLDEN_COMPRESSED, path, found, _EXPECTED)
            if len(listed) != len(names) or {member.filename for member in listed} != names:
                found = ", ".join(sorted(member.filename[:40] for member in listed[:4])) or "no members"
                raise RefusedError(Code.GOLDEN_MEMBERS, path, found, f"{' and '.join(sorted(names))}, each once")
            return {member.filename: archive.read(member) for member in listed}
    except (ValueError, KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise RefusedError(Code.GOLDEN_ARCHIVE, path, str(error), _EXPECTED) from error


def _array(path: Path, data: bytes, width: int) -> Vectors:
    """The array in an npy file, after a look at its header: the size it claims is the size there is."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    except ValueError as error:
        raise RefusedError(Code.GOLDEN_ARRAYS, path, str(error).splitlines()[0][:200], _EXPECTED) from error
    if kind.hasobject:
        raise RefusedError(Code.GOLDEN_OBJECTS, path, "an array of pickled objects", _EXPECTED)
    payload = data[stream.tell() :]
    rows = shape[0] if len(shape) == 2 and shape[1] == width else 0
    if version != (1, 0) or kind != np.dtype("<f4") or rows < 1 or len(payload) != 4 * rows * width:
        raise RefusedError(Code.GOLDEN_ARRAYS, path, f"{kind} {list(shape)} in {len(payload)} bytes", _EXPECTED)
    array = np.frombuffer(payload, "<f4").reshape(shape)
    if not np.isfinite(array).all():
        raise RefusedError(Code.GOLDEN_NOT_FINITE, path, "NaN or infinity", _EXPECTED)
    return array
