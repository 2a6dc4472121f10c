"""JSON in files and as text, and files of lines that are added one by one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

from robocell_controller.errors import InputError, ProcessDied
from robocell_controller.files import write_text, writing

_LONGEST = 200  # characters of another library's error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Puts a JSON file into place, see :func:`robocell_controller.files.beside`."""
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


def read_json(path: Path, what: str, keys: Sequence[str] = ()) -> dict[str, Any]:
    """The object in a JSON file; ``what`` says in errors which file was expected.

    Raises:
        InputError: not readable, not JSON, not an object, or one of ``keys`` is missing in it.
    """
    with reading(path, what):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(path, f"{type(content).__name__} at top level", what)
    missing = [key for key in keys if key not in content]
    if missing:
        raise InputError(path, f"no key {missing[0]!r}", what)
    return content


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """For loading a file in whatever format: what goes wrong is the file's fault, and ``what`` was expected.

    Raises:
        InputError: something did.
    """
    try:
        yield
    except (InputError, ProcessDied):
        raise
    except OSError as error:
        raise InputError(path, error.strerror or str(error), what) from error
    except json.JSONDecodeError as error:
        raise InputError(path, f"not JSON ({error})", what) from error
    except ModuleNotFoundError as error:
        raise InputError(path, _unknown(error.name or str(error)), what) from error
    except Exception as error:  # readers of pickles, zips, arrays and JSON raise what they like
        told = shorten(f"{type(error).__name__}: {error}", _LONGEST)
        raise InputError(path, f"damaged, or something else ({told})", what) from error


def _unknown(module: str) -> str:
    ours = module.partition(".")[0].startswith("robocell")
    return f"made by another version, with a module {module}" if ours else f"needs {module}, which is not installed"


def repaired_lines(path: Path, what: str) -> list[str]:
    """As :func:`whole_lines`, and takes what is left out off the file, so that lines can be added."""
    lines = whole_lines(path, what)
    with writing(path):
        if path.exists():
            os.truncate(path, sum(len(line.encode()) + 1 for line in lines))
    return lines


def whole_lines(path: Path, what: str) -> list[str]:
    """The lines of a file, none if there is no file; one that was cut short is left out, and said on stderr.

    Raises:
        InputError: not readable; ``what`` says which file was expected.
    """
    try:
        whole, end, torn = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
        lines = whole.decode("utf-8").split("\n") if end else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, str(error), what) from error
    if torn:
        text = f"{path}: breaks off after {len(lines)} lines: {len(torn)} bytes of another are left out"
        print(f"robocell: {text}", file=sys.stderr)
    return lines
