"""The run log: every tick, append-only, in a format that a crash cannot corrupt.

One header line of JSON, then records of one size, each closed by its CRC-32. What was being written when the
process died is a torn tail, which the reader leaves out; everything before it is whole.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from robocell_controller.contract import ACTION_SIZE, JOINTS, CellState, JointCommand
from robocell_controller.errors import InputError

FORMAT = "robocell-run-log-1"
RECORD = np.dtype(
    [
        ("tick", "<i8"),  # counted over the run
        ("time_ns", "<i8"),  # of the clock, when the tick began
        ("late_ns", "<i8"),  # behind its deadline
        ("cycle", "<i4"),
        ("reason", "<u4"),  # index into REASONS: why the command is not what was asked for
        ("q_setpoint", "<f8", (JOINTS,)),  # rad, sent to the drives in this tick
        ("dq_setpoint", "<f8", (JOINTS,)),  # rad/s
        ("q_measured", "<f8", (JOINTS,)),  # rad, before the tick
        ("gripper_command", "<f8"),
        ("gripper_width", "<f8"),  # m
        ("action", "<f4", (ACTION_SIZE,)),  # of the policy; NaN in ticks that go on with the last one
        ("crc", "<u4"),
    ]
)
# A reason keeps its number for good: new ones are added at the end.
REASONS = (
    "",
    "not finite",
    "joint velocity",
    "joint acceleration",
    "joint jerk",
    "joint position",
    "stopping",
    "clearing",
)
_PACKER = struct.Struct(f"<3qiI{3 * JOINTS + 2}d{ACTION_SIZE}f")
_CRC = struct.Struct("<I")
_NO_ACTION = [float("nan")] * ACTION_SIZE
_FLUSH_AFTER = 1_000_000_000  # ns


class RunLog:
    """Writes a run log; at most a second of ticks is lost when the process dies."""

    def __init__(self, path: Path, about: dict[str, Any], time_source: Callable[[], int] = time.monotonic_ns) -> None:
        """Opens a new file and writes its header.

        Args:
            path: must not exist: a log is evidence and is never overwritten.
            about: what ran; JSON, kept in the header.
            time_source: wall time in ns, for flushing.

        Raises:
            InputError: the file exists or can't be made.
        """
        header = {"format": FORMAT, "record": RECORD.descr, "reasons": REASONS, "about": about}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
        except FileExistsError as error:
            raise InputError(path, "exists already", "a new file: a log is never overwritten") from error
        except OSError as error:
            raise InputError(path, error.strerror or str(error), "a place to write the log to") from error
        self._file.write(json.dumps(header).encode() + b"\n")
        self._file.flush()
        self._time = time_source
        self._flushed = time_source()

    def append(
        self,
        tick: int,
        times: tuple[int, int],
        state: CellState,
        command: JointCommand,
        reason: str = "",
        action: npt.NDArray[np.floating] | None = None,
    ) -> None:
        """Adds the record of one tick, see ``RECORD``; ``times`` are its begin and its lateness, ns."""
        content = _PACKER.pack(
            tick,
            *times,
            state.cycle,
            REASONS.index(reason),
            *command.q.tolist(),
            *command.dq.tolist(),
            *state.q.tolist(),
            command.gripper,
            state.gripper_width,
            *_logged(action),
        )
        self._file.write(content + _CRC.pack(zlib.crc32(content)))
        wall = self._time()
        if wall - self._flushed >= _FLUSH_AFTER:
            self._file.flush()
            self._flushed = wall

    def close(self) -> None:
        """Hands the last records to the system."""
        self._file.close()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_log(path: Path) -> npt.NDArray[Any]:
    """All whole records of a run log, as an array of ``RECORD``.

    Raises:
        InputError: not a run log, or damaged elsewhere than at its tail.
    """
    header, _, body = _content(path).partition(b"\n")
    _check_header(path, header)
    size = RECORD.itemsize
    whole = np.frombuffer(body[: len(body) // size * size], dtype=RECORD)
    valid = np.array(
        [zlib.crc32(body[start : start + size - 4]) for start in range(0, whole.nbytes, size)],
        dtype=np.uint32,
    )
    torn = np.flatnonzero(valid != whole["crc"])
    end = int(torn[0]) if len(torn) else len(whole)
    if len(torn) != len(whole) - end:
        raise InputError(f"{path}: record {end}", "wrong checksum", "damage at the tail only, as a crash leaves")
    return whole[:end]


def _logged(action: npt.NDArray[np.floating] | None) -> list[float]:
    """The action as the record holds it; one of a wrong shape can't be told from none."""
    if action is None or action.shape != (ACTION_SIZE,):
        return _NO_ACTION
    with np.errstate(over="ignore"):
        return [float(value) for value in action.astype(np.float32)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a run log") from error


def _check_header(path: Path, header: bytes) -> None:
    try:
        found = json.loads(header)["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "no header", "a run log of robocell run") from error
    if found != FORMAT:
        raise InputError(path, f"format {found!r}", FORMAT)
