"""Golden pairs: observations and the actions that the policy must give for them, replayed at loading."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.observer import OBSERVATION_SIZE
from robocell_controller.onnx_policy import OnnxPolicy

TOLERANCE = 1e-5  # of an action
_EXPECTED = f"'observations' float32 [n, {OBSERVATION_SIZE}] and 'actions' float32 [n, {ACTION_SIZE}], all finite"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest time: the same arrays give the same bytes


@dataclass(frozen=True, slots=True)
class Golden:
    """Pairs of ``observations`` [n, 29] and ``actions`` [n, 5], float32."""

    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """The pairs as an npz file."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, array in (("observations", self.observations), ("actions", self.actions)):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
        return stream.getvalue()


def parse_golden(path: Path, content: bytes) -> Golden:
    """Pairs from the bytes of an npz file.

    Raises:
        InputError: not such a file, or other arrays in it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed members")  # a few bytes could unpack to gigabytes
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            observations, actions = arrays["observations"], arrays["actions"]
    except (ValueError, KeyError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(path, str(error), _EXPECTED) from error
    _check(path, observations, OBSERVATION_SIZE)
    _check(path, actions, ACTION_SIZE)
    if len(observations) != len(actions):
        raise InputError(path, f"{len(observations)} observations, {len(actions)} actions", _EXPECTED)
    return Golden(observations, actions)


def check_golden(path: Path, golden: Golden, policy: OnnxPolicy) -> None:
    """Replays the pairs of ``path`` on this machine.

    Raises:
        InputError: an action differs by more than ``TOLERANCE``.
    """
    replayed = np.array([policy.act(observation) for observation in golden.observations])
    error = np.nan_to_num(np.abs(replayed - golden.actions), nan=np.inf).max(axis=1)
    worst = int(error.argmax())
    if error[worst] > TOLERANCE:
        found = f"the policy's action differs by {error[worst]:.1e}"
        raise InputError(f"{path}: row {worst}", found, f"{TOLERANCE:.0e} at most")


def _check(path: Path, array: npt.NDArray[np.float32], width: int) -> None:
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != width or len(array) == 0:
        raise InputError(path, f"{array.dtype} {list(array.shape)}", _EXPECTED)
    if not np.isfinite(array).all():
        raise InputError(path, "NaN or infinity", _EXPECTED)
