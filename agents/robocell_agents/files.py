"""Files: output is written beside its place and renamed into it, so nothing is left half-written."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from robocell_controller.errors import InputError, ProcessDied

_LONGEST = 200  # characters of another library's error


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


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a file that were written to their end; a last one that was not is what a crash leaves.

    Raises:
        InputError: not readable, or no text.
    """
    with reading(path, what):
        return path.read_bytes().rpartition(b"\n")[0].decode("utf-8").splitlines()


def cut_torn_line(path: Path, what: str) -> None:
    """Takes a last line that was not written to its end off a file, so that lines can be added, and says so.

    Raises:
        InputError: not to be read or written.
    """
    if not path.exists():
        return
    with reading(path, what), path.open("r+b") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            file.truncate(end)
            print(f"robocell: {path}: its last line was cut short and is left out", file=sys.stderr)
