"""What is made from a study's ``study.json``: the page ``study.md`` with its tables, and the plots beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robocell_agents.files import folded_json
from robocell_agents.studies import figures, tables
from robocell_agents.studies.document import mark, read_document

STUDY, PAGE = "study.json", "study.md"
_LEVELS = 4  # of the document, down to one entry's figures under one condition
_KEYS = ("study", "command", "contestants", "reference", "conditions", "pace", "recipes", "shifts")
Document = dict[str, Any]


def study_json(document: Document) -> str:
    """The document as text, with one line for each entry under each condition, so that a difference can be read."""
    return folded_json(document, _LEVELS) + "\n"


def read_study(folder: Path) -> Document:
    """The document in a study's folder.

    Raises:
        InputError: there is none.
    """
    return read_document(folder / STUDY, _KEYS)


def study_files(folder: Path) -> dict[Path, str]:
    """Page and plots of the study in a folder, as texts by path.

    Raises:
        InputError: there is no study.
    """
    document = read_study(folder)
    plots = {"success.svg": figures.success(document), "pace.svg": figures.pace(document)}
    if document["shifts"]:
        plots["shifts.svg"] = figures.shifts(document)
    files = {folder / name: plot + mark(folder / STUDY) for name, plot in plots.items()}
    return {folder / PAGE: tables.page(document, list(plots)), **files}


def is_same(path: Path, text: str) -> bool:
    """Whether a file is what would be made now.

    Of a plot the last line counts, which says what it was made from: how it is drawn hangs on versions of libraries.
    """
    if not path.is_file():
        return False
    there = path.read_text(encoding="utf-8")
    return there == text or (path.suffix == ".svg" and there.splitlines()[-1:] == text.splitlines()[-1:])
