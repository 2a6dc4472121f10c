"""Suites: the conditions that a policy is evaluated under, each a named change of one cell."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, load, locate, merged, parse, read_config
from robocell_controller.errors import InputError
from robocell_envs.plant.cell_checks import checked_simulation

_KIND = "suites"
_FIXED = ("robot", "rates", "motion")  # they give observations and actions their meaning


class SuiteConfig(Config):
    """One file of ``configs/suites/``: conditions as nested changes of the cell's config."""

    cell: str
    conditions: Annotated[dict[str, dict[str, Any]], Len(1)]


@dataclass(frozen=True, slots=True)
class Suite:
    """A checked suite.

    Attributes:
        name: of the file.
        cell: the unchanged cell, for which policies are set up.
        cell_name: its name.
        conditions: the changed cell of each condition, by name.
    """

    name: str
    cell: CellConfig
    cell_name: str
    conditions: dict[str, CellConfig]

    def summary(self) -> dict[str, Any]:
        """Name, cell, conditions, and a digest that is equal only for equal cells under equal conditions."""
        cells = {name: cell.model_dump() for name, cell in self.conditions.items()}
        digest = hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()
        return {
            "name": self.name,
            "cell": self.cell_name,
            "conditions": list(self.conditions),
            "sha256": digest,
        }


def load_suite(name_or_path: str | Path) -> Suite:
    """Finds, reads and checks a suite, the changed cells included.

    Raises:
        InputError: missing, malformed, or a condition makes no valid cell.
    """
    path = locate(_KIND, name_or_path)
    config = load(SuiteConfig, _KIND, path)
    content = read_config("cells", locate("cells", config.cell))
    cell = parse(CellConfig, content, locate("cells", config.cell))
    conditions = {
        name: changed_cell(content, changes, f"{path}: conditions.{name}")
        for name, changes in config.conditions.items()
    }
    return Suite(path.stem, cell, Path(config.cell).stem, conditions)


def changed_cell(content: dict[str, Any], changes: dict[str, Any], place: str) -> CellConfig:
    """The cell of ``content`` with ``changes`` laid over it, checked; ``place`` says where they come from.

    Raises:
        InputError: they touch what gives observations and actions their meaning, or make no valid cell.
    """
    for key in _FIXED:
        if key in changes:
            raise InputError(f"{place}.{key}", "a change", f"the cell's own {', '.join(_FIXED)}")
    cell = parse(CellConfig, merged(content, changes), place)
    checked_simulation(cell, place)
    return cell
