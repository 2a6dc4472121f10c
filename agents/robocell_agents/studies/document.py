"""What the reports of all kinds of studies share: reading the study's document, and the mark on a plot made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robocell_agents.files import read_json

_WHAT = "a file that robocell study wrote"


def read_document(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The document in a study's JSON file.

    Raises:
        InputError: there is none, or one of ``keys`` is missing in it.
    """
    return read_json(path, _WHAT, keys)


def mark(path: Path) -> str:
    """Last line of an SVG that is made from the study's JSON file ``path``: by it stale plots are told."""
    return f"<!-- made from {path.name} with sha256 {hashlib.sha256(path.read_bytes()).hexdigest()} -->\n"
