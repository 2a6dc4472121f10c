"""Files: output is written beside its place and renamed into it, so nothing is left half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from robocell_controller.errors import InputError


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A file to write beside its place: renamed into place at the end, removed if the work fails.

    Raises:
        InputError: the file can't be written there.
    """
    new = path.with_name(f".new.{path.name}")  # the ending stays: some writers go by it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.touch()
        yield new
        new.replace(path)
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a place to write to") from error
    finally:
        with suppress(OSError):
            new.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Puts a file into place, making its folder where there is none; raises as :func:`beside`."""
    with beside(path) as new:
        new.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Puts a text file into place, see :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Puts a JSON file into place, see :func:`write_bytes`."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def json_with_rows(content: dict[str, Any], key: str) -> str:
    """``content`` as JSON text, with one line for each of the rows in ``content[key]``."""
    mark = f"rows of {key}"
    text = json.dumps({**content, key: mark}, indent=2, ensure_ascii=False, allow_nan=False)
    rows = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in content[key])
    return text.replace(json.dumps(mark), f"[\n{rows}\n  ]") + "\n"


def folded_json(content: Any, depth: int, indent: str = "") -> str:
    """``content`` as JSON text: objects down to ``depth`` levels with one entry a line, what is deeper on one line."""
    if depth == 0 or not isinstance(content, dict) or not content:
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key)}: {folded_json(value, depth - 1, inner)}" for key, value in content.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The object in a JSON file; ``what`` says in errors which file was expected.

    Raises:
        InputError: not readable, not JSON or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, error.strerror or str(error), what) from error
    except ValueError as error:
        raise InputError(path, f"not JSON ({error})", what) from error
    if not isinstance(content, dict):
        raise InputError(path, f"{type(content).__name__} at top level", what)
    return content
