"""JSON that can be written in one way only: strict reading, canonical writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robocell_controller.config import C, parse
from robocell_controller.trust.refusals import Code, RefusedError, refusing


def json_bytes(content: Any) -> bytes:
    """JSON in its canonical form: UTF-8, keys sorted, two spaces of indent, one newline at the end."""
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_object(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``, the content of ``path``.

    Raises:
        RefusedError: not UTF-8, not JSON, NaN or infinity, a key that stands twice, or no object.
    """
    try:
        content = json.loads(data.decode(), object_pairs_hook=_Pairs(path), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(Code.JSON_SYNTAX, path, f"not JSON ({error})", "the file as exported") from error
    if not isinstance(content, dict):
        raise RefusedError(Code.JSON_SCHEMA, path, type(content).__name__, "a JSON object")
    return content


def read_canonical(schema: type[C], path: Path, data: bytes) -> C:
    """The content of ``path``, checked against ``schema``, and in the one encoding that the schema's content has.

    Raises:
        RefusedError: see :func:`read_object`; another schema; or the same content in other bytes.
    """
    with refusing(Code.JSON_SCHEMA):
        content = parse(schema, read_object(path, data), path)
    if json_bytes(content.model_dump()) != data:
        raise RefusedError(
            Code.JSON_ENCODING, path, "other bytes than its content is written in", "the file as exported"
        )
    return content


class _Pairs:
    """Makes objects of pairs, and refuses a key that stands twice: readers would differ in which one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise RefusedError(
                    Code.JSON_DUPLICATE_KEY, f"{self._path}: {key[:80]}", "stands twice", "each key once"
                )
            found[key] = value
        return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
