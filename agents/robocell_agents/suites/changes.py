"""Production changes: named shifts of a cell's parameters, as far as training goes and further out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len, MinLen

from robocell_agents.suites.suite import Suite, changed_cell
from robocell_controller.config import Config, load, locate, read_config
from robocell_controller.errors import InputError
from robocell_envs.scene.feasibility import check_liftable

_KIND = "changes"
RANGES = ("within", "beyond")
Changes = Annotated[dict[str, Any], Len(1)]


class ChangeConfig(Config):
    """One file of ``configs/changes/``; the file's name is the change's.

    Attributes:
        describes: how it comes about in real production.
        cell: name or file of the cell that it changes.
        within: nested changes of the cell's config: the range that training on this change draws from.
        beyond: the same, further out than training goes.
    """

    describes: Annotated[str, MinLen(1)]
    cell: str
    within: Changes
    beyond: Changes


def load_change(name_or_path: str | Path) -> Suite:
    """Finds, reads and checks a change; as a suite its conditions are nominal, within and beyond.

    Raises:
        InputError: missing, malformed, or a changed cell is not valid or has parts that can't be lifted unharmed.
    """
    path = locate(_KIND, name_or_path)
    config = load(ChangeConfig, _KIND, path)
    if config.within == config.beyond:
        raise InputError(f"{path}: beyond", "the same as within", "a change that goes further")
    source = locate("cells", config.cell)
    content = read_config("cells", source)
    cells = {key: changed_cell(content, getattr(config, key), f"{path}: {key}") for key in RANGES}
    for key, cell in cells.items():
        check_liftable(cell, f"{path}: {key}")
    nominal = changed_cell(content, {}, str(source))
    return Suite(path.stem, nominal, source.stem, {"nominal": nominal, **cells})
