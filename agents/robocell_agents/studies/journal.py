"""The journal of a study: a line of JSON for each finished chunk, so that a study that was killed goes on.

A line counts once it is whole, and has a checksum. The first line says what the study is about; another one is not
gone on with.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from robocell_agents.evaluation.evaluate import Row
from robocell_agents.files import repaired_lines
from robocell_controller.errors import InputError
from robocell_controller.files import append_line

_PROBLEM, _CRC = "problem", "crc32"
_WHAT = "the journal of a study"


class Journal:
    """Finished chunks by name; the rows stay text until they are asked for."""

    def __init__(self, path: Path, problem: dict[str, Any]) -> None:
        """Opens the journal ``path``, or begins one.

        Args:
            path: the file; a last line that was cut short is taken off it.
            problem: what the study is about, as JSON.

        Raises:
            InputError: not a journal, or one of another study; names the first key that differs.
        """
        self.path = path
        self._lines: dict[str, str] = {}
        whole = repaired_lines(path, _WHAT)
        if whole:
            self._take(whole, json.loads(json.dumps(problem)))
        else:
            self._append({_PROBLEM: problem})

    def __contains__(self, name: str) -> bool:
        """Whether the chunk is finished."""
        return name in self._lines

    def add(self, name: str, rows: list[Row], worker_s: float) -> None:
        """A chunk is finished; it took a worker ``worker_s`` s."""
        self._lines[name] = self._append({"chunk": name, "worker_s": round(worker_s, 3), "rows": rows})

    def rows(self, name: str) -> list[Row]:
        """The rows of a finished chunk."""
        rows: list[Row] = json.loads(self._lines[name])["rows"]
        return rows

    def worker_s(self) -> float:
        """What all finished chunks took their workers, s."""
        return sum(float(json.loads(line)["worker_s"]) for line in self._lines.values())

    def _take(self, lines: list[str], problem: dict[str, Any]) -> None:
        try:
            first, *chunks = [_checked(line, number) for number, line in enumerate(lines, start=1)]
            known = first[_PROBLEM]
            self._lines = {_name(chunk): line for chunk, line in zip(chunks, lines[1:], strict=True)}
        except (ValueError, LookupError, TypeError) as error:
            raise InputError(self.path, f"a line that is none of its own: {error}", _WHAT) from error
        difference = first_difference(known, problem)
        if difference:
            key, before, now = difference
            raise InputError(f"{self.path}: {key}", now, f"{before} as the study began, or another folder for it")

    def _append(self, content: dict[str, Any]) -> str:
        line = json.dumps({**content, _CRC: _crc(content)}, allow_nan=False)
        append_line(self.path, line)
        return line


def _crc(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content).encode())


def _checked(line: str, number: int) -> dict[str, Any]:
    """Content of a line; one of an earlier version has no checksum."""
    content: dict[str, Any] = json.loads(line)
    crc = content.pop(_CRC, None)
    if crc not in (None, _crc(content)):
        raise ValueError(f"line {number} with a wrong checksum")
    return content


def _name(chunk: dict[str, Any]) -> str:
    """Name of a chunk that has all that one has."""
    float(chunk["worker_s"]), [row["seed"] for row in chunk["rows"]]
    return str(chunk["chunk"])


def first_difference(before: Any, now: Any, place: str = "") -> tuple[str, str, str] | None:
    """Place of the first entry in which two JSON values differ, and both entries as JSON; a dict's entries by key."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = (
            first_difference(before.get(key), now.get(key), f"{place}.{key}".lstrip(".")) for key in {**before, **now}
        )
        return next(filter(None, found), None)
    return None if before == now else (place, json.dumps(before), json.dumps(now))
