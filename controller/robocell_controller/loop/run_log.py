"""The run log: every tick and every event, append-only, in a format that a crash cannot corrupt.

One header line of JSON, then frames: mark, kind, length and running number, content, CRC-32. A tick's content is of one
size (``RECORD``) and holds all that the controller knew and did, so that a run can be computed again; an event's is
JSON. What was being written when a process died is a torn tail, which the reader leaves out; all before it is whole.
The last frame of a run that came to its end, be it by a stop, is an end mark: a log without it breaks off.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from robocell_controller.contract import ACTION_SIZE, JOINTS, CellState, JointCommand
from robocell_controller.errors import InputError
from robocell_controller.files import add, make_folder, writing
from robocell_controller.messages import STATE_FIELDS, pack_command, pack_state

FORMAT = "robocell-run-log-2"
RECORD = np.dtype(
    [
        ("tick", "<i8"),  # counted over the run
        ("time_ns", "<i8"),  # of the clock, when the tick began
        ("late_ns", "<i8"),  # behind its deadline
        ("took_ns", "<i8"),  # from its begin until the command was sent
        ("reason", "S32"),  # why the command is not what was asked for
        *((name, "<f8", (count,)) if count > 1 else (name, "<f8") for name, count in STATE_FIELDS),
        ("q_setpoint", "<f8", (JOINTS,)),  # rad, sent to the drives in this tick
        ("dq_setpoint", "<f8", (JOINTS,)),  # rad/s
        ("gripper_command", "<f8"),
        (
            "decided",
            "<i8",
        ),  # numbers of the action decided on in this tick: 5, 0 for one of a wrong shape; -1: none was
        ("action", "<f8", (ACTION_SIZE,)),
    ]
)
FRAME = struct.Struct("<2sHIQ")  # mark, kind, length of the content, running number
MARK = b"\xc5T"
TICK, EVENT, END = 1, 2, 3
CRC = struct.Struct("<I")
LARGEST = 2048  # bytes of a frame
_TIMES, _ACTION = struct.Struct("<4q32s"), struct.Struct(f"<q{ACTION_SIZE}d")
_NO_ACTION = [float("nan")] * ACTION_SIZE
_NONE = _ACTION.pack(-1, *_NO_ACTION)
_FLUSH_AFTER = 200_000_000  # ns


class Recorder:
    """Makes frames of ticks and events and hands them on; the one place where either is recorded."""

    def __init__(self, put: Callable[[bytes], object]) -> None:
        """``put`` takes a frame: to a file, or to another process."""
        self._put = put
        self._number = 0

    def tick(
        self,
        tick: int,
        times: tuple[int, int, int],
        state: CellState,
        command: JointCommand,
        reason: str = "",
        action: npt.NDArray[np.floating] | None = None,
    ) -> None:
        """Records one tick, see ``RECORD``; ``times`` are its begin, lateness and duration, ns."""
        begin = _TIMES.pack(tick, *times, reason.encode())
        self._frame(TICK, begin + pack_state(state) + pack_command(command) + _packed_action(action))

    def event(self, name: str, tick: int, **facts: object) -> None:
        """Records what happened before the tick of that number was sent; ``facts`` are JSON."""
        self._frame(EVENT, json.dumps({"event": name, "tick": tick, **facts}).encode())

    def end(self) -> None:
        """Marks the end of the run: nothing follows."""
        self._frame(END, b"")

    def _frame(self, kind: int, content: bytes) -> None:
        self._number += 1
        body = FRAME.pack(MARK, kind, len(content), self._number) + content
        self._put(body + CRC.pack(zlib.crc32(body)))


class LogFile:
    """The file of a run log; what was appended longer than 0.2 s ago survives this process.

    A run does not end because its log can't be written: then that ends, with a whole frame, and ``fault`` says why.
    """

    def __init__(self, path: Path, about: dict[str, Any], time_source: Callable[[], int] = time.monotonic_ns) -> None:
        """Opens a new file and writes its header.

        Args:
            path: must not exist: a log is evidence and is never overwritten.
            about: what ran; JSON, kept in the header.
            time_source: wall time in ns, for flushing.

        Raises:
            InputError: the file exists or can't be made.
            OSError: a fault of the machine, such as a full disk.
        """
        self.fault: str | None = None
        self._path, self._file = path, _new_file(path, _header(about))
        self._waiting: list[bytes] = []
        self._time = time_source
        self._flushed = time_source()

    def append(self, frame: bytes) -> None:
        """Adds a frame of a :class:`Recorder`."""
        self._waiting.append(frame)
        if self._time() - self._flushed > _FLUSH_AFTER:
            self.flush()

    def flush(self) -> None:
        """Hands all that was appended to the system."""
        try:
            if not self.fault:
                add(self._file, b"".join(self._waiting))
        except OSError as error:
            self.fault = f"{self._path}: {error.strerror}"
            self._add_what_fits()
        self._waiting.clear()
        self._flushed = self._time()

    def _add_what_fits(self) -> None:
        with suppress(OSError):
            for frame in self._waiting:
                add(self._file, frame)

    def close(self) -> None:
        """Writes what is still in memory and closes the file."""
        self.flush()
        self._file.close()

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def frame_number(frame: bytes) -> int:
    """Running number of a frame."""
    return int(FRAME.unpack_from(frame)[3])


def about_crc(about: dict[str, Any]) -> int:
    """Checksum of what a header says."""
    return zlib.crc32(json.dumps(about).encode())


def _header(about: dict[str, Any]) -> bytes:
    header = {"format": FORMAT, "record": RECORD.descr, "about": about, "crc32": about_crc(about)}
    return json.dumps(header).encode() + b"\n"


def _new_file(path: Path, header: bytes) -> FileIO:
    make_folder(path.parent)
    with writing(path):
        try:
            file = FileIO(path, "x")
        except FileExistsError as error:
            raise InputError(path, "exists already", "a new file: a log is never overwritten") from error
        try:
            add(file, header)
        except BaseException:
            path.unlink()
            raise
    return file


def _packed_action(action: npt.NDArray[np.floating] | None) -> bytes:
    if action is None:
        return _NONE
    if action.shape != (ACTION_SIZE,):
        return _ACTION.pack(0, *_NO_ACTION)  # its numbers mean nothing
    return _ACTION.pack(ACTION_SIZE, *action.astype(np.float64).tolist())
