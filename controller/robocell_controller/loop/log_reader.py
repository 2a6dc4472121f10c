"""Reads run logs: whatever is whole in them, and how much is missing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robocell_controller.errors import InputError
from robocell_controller.loop.run_log import CRC, END, EVENT, FORMAT, FRAME, LARGEST, MARK, RECORD, TICK, about_crc


@dataclass(frozen=True, slots=True)
class Log:
    """A run log.

    Attributes:
        about: what ran, as the header says.
        ticks: array of ``RECORD``.
        events: in order; ``event`` and ``tick`` of each, and more.
        dropped: frames that are missing between those that are there.
        size: bytes of the file up to the end of its last whole frame.
        last: running number of that frame.
        ended: whether that is the mark of a run that came to its end.
        torn: bytes behind that frame that are no whole one.
    """

    about: dict[str, Any]
    ticks: npt.NDArray[Any]
    events: list[dict[str, Any]]
    dropped: int
    size: int
    last: int
    ended: bool
    torn: int

    @property
    def complete(self) -> bool:
        """Whether the log ends with its end mark."""
        return self.ended and not self.torn

    def how_it_ends(self) -> str:
        """The log's end as what the log does."""
        if self.complete:
            return "ends with its end mark"
        if self.ended:
            return f"goes on behind its end mark: {self.torn} bytes can't be read"
        unreadable = f", {self.torn} bytes behind them can't be read" if self.torn else ""
        return f"breaks off after {len(self.ticks)} ticks without an end mark{unreadable}"


def read_log(path: Path) -> Log:
    """All that is whole in a run log.

    Raises:
        InputError: not a run log, or damaged elsewhere than at its tail.
    """
    data = _content(path)
    header, newline, _ = data.partition(b"\n")
    about = _about(path, header)
    if not newline:
        raise InputError(path, "a header that was cut short", "a run log of robocell run")
    size = len(header) + len(newline)
    ticks, events, numbers, ended = bytearray(), [], [0], False
    for kind, number, content, end in _frames(data, size):
        if kind == TICK:
            ticks += content
        elif kind == EVENT:
            events.append(json.loads(content))
        numbers.append(number)
        size, ended = end, kind == END
    if any(True for _ in _later_frames(data, size)):
        raise InputError(
            f"{path}: frame {len(numbers)}", "wrong checksum", "damage at the tail only, as a crash leaves"
        )
    dropped = numbers[-1] - (len(numbers) - 1)
    records = np.frombuffer(bytes(ticks), dtype=RECORD)
    return Log(about, records, events, dropped, size, numbers[-1], ended, len(data) - size)


def _frames(data: bytes, start: int) -> Iterator[tuple[int, int, bytes, int]]:
    """Kind, number, content and end of each frame from ``start`` on, up to the first that is not whole."""
    while start + FRAME.size <= len(data):
        mark, kind, length, number = FRAME.unpack_from(data, start)
        body = start + FRAME.size + length
        end = body + CRC.size
        if mark != MARK or end > len(data) or CRC.unpack_from(data, body)[0] != zlib.crc32(data[start:body]):
            return
        yield kind, number, data[start + FRAME.size : body], end
        start = end


def _later_frames(data: bytes, start: int) -> Iterator[int]:
    """Where whole frames begin behind damage."""
    begin = start
    while (begin := data.find(MARK, begin + 1)) >= 0:
        if FRAME.size + begin <= len(data) and FRAME.unpack_from(data, begin)[2] <= LARGEST:
            yield from (begin for _ in _frames(data, begin))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a run log") from error


def _about(path: Path, header: bytes) -> dict[str, Any]:
    try:
        found = json.loads(header)
        form, about = found["format"], found.get("about")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "no header", "a run log of robocell run") from error
    if form != FORMAT or not isinstance(about, dict):
        raise InputError(path, f"format {form!r}", FORMAT)
    if json.dumps(found.get("record")) != json.dumps(RECORD.descr):
        raise InputError(path, "ticks with other fields", "a log of this version of robocell")
    if found.get("crc32", about_crc(about)) != about_crc(about):
        raise InputError(path, "a header with a wrong checksum", "the log as it was written")
    return about
