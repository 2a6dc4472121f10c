"""Schema of ``configs/studies/*.yaml``, and the cases that a study plays: one for each condition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Len, MinLen
from pydantic import model_validator

from robocell_agents.acting.actors import PREFIX
from robocell_agents.acting.settings import Episodes, SeedRange
from robocell_agents.acting.training_config import Names
from robocell_agents.suites.changes import RANGES, load_change
from robocell_agents.suites.suite import Suite, changed_cell, load_suite
from robocell_controller.arm.robot import Positive
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, default_names, load, locate, read_config
from robocell_controller.errors import InputError
from robocell_envs.config.faults import FaultsConfig

_KIND = "studies"
REFERENCE = "guided"  # the program that everything is compared with
SHIFT = "shift"  # kind of a case that is played for its pace over time


class EpisodesConfig(Config):
    """Episodes of each condition of the suites and of the changes."""

    suites: Episodes
    changes: Episodes


class OnsetConfig(Config):
    """A change in mid-shift: ``at_s`` after the shift's start the ``faults`` set in."""

    at_s: Positive
    faults: FaultsConfig


class ShiftsConfig(Config):
    """Shifts with a change in the middle of them; pace is counted in a window of ``window_s`` that moves along."""

    cell: str
    episodes: Episodes
    window_s: Positive
    changes: Annotated[dict[str, OnsetConfig], Len(1)]


class StudyConfig(Config):
    """One study.

    Attributes:
        contestants: programs, bundles or run folders by the name they are shown under; several of one name are the
            training seeds of one recipe. ``program:guided`` is among them, because everything is compared with it.
        suites: suites of nominal production.
        changes: production changes, each within and beyond the training's range; all there are when left out.
        episodes: of each condition.
        seeds: name of a range of seeds; every contestant meets the same.
        shifts: shifts with a change in the middle of them.
        out: folder for the results.
    """

    contestants: Annotated[dict[Annotated[str, MinLen(1)], Annotated[list[str], Len(1)]], Len(1)]
    suites: Names
    changes: Names | None = None
    episodes: EpisodesConfig
    seeds: SeedRange
    shifts: ShiftsConfig | None = None
    out: str

    @model_validator(mode="after")
    def _compared(self) -> StudyConfig:
        if [PREFIX + REFERENCE] not in self.contestants.values():
            raise ValueError(f"{PREFIX}{REFERENCE} among the contestants")
        return self


@dataclass(frozen=True, slots=True)
class Case:
    """One condition that every contestant meets.

    Attributes:
        kind: ``nominal``, ``within``, ``beyond`` or ``shift``.
        base: the unchanged cell, for which contestants are set up.
        cell: the changed one, which they meet.
        episodes: how many.
    """

    kind: str
    base: CellConfig
    cell: CellConfig
    episodes: int


@dataclass(frozen=True, slots=True)
class Study:
    """A checked study.

    Attributes:
        name: of the file.
        config: as read, ``changes`` named one by one.
        cases: by name.
        entries: what is played, by name: a contestant's only reference, or each of its references, numbered.
    """

    name: str
    config: StudyConfig
    cases: dict[str, Case]
    entries: dict[str, str]

    @property
    def out(self) -> Path:
        """Folder for the results."""
        return Path(self.config.out)

    def entries_of(self, contestant: str) -> list[str]:
        """Names of what is played of a contestant."""
        references = self.config.contestants[contestant]
        return [contestant] if len(references) == 1 else [f"{contestant} {i + 1}" for i in range(len(references))]

    def program(self, name: str) -> str | None:
        """The contestant that is the program ``name`` alone, if one is."""
        contestants = self.config.contestants.items()
        return next((contestant for contestant, references in contestants if references == [PREFIX + name]), None)


def load_study(name_or_path: str | Path) -> Study:
    """Finds, reads and checks a study, its suites, changes and changed cells included.

    Raises:
        InputError: missing, malformed, or something that it names is.
    """
    path = locate(_KIND, name_or_path)
    config = load(StudyConfig, _KIND, path)
    config = config.model_copy(update={"changes": config.changes or default_names("changes")})
    cases = {
        **suite_cases(config.suites, config.episodes.suites),
        **change_cases(config.changes or [], config.episodes.changes),
        **_shift_cases(config, path),
    }
    study = Study(path.stem, config, cases, {})
    for contestant, references in config.contestants.items():
        study.entries.update(zip(study.entries_of(contestant), references, strict=True))
    if len(study.entries) < sum(map(len, config.contestants.values())):
        raise InputError(f"{path}: contestants", "two of one name", "names that stay apart when seeds are numbered")
    return study


def suite_cases(names: list[str], episodes: int) -> dict[str, Case]:
    """The conditions of suites by name, a suite's only one by the suite's."""
    suites = _apart([load_suite(name) for name in names])
    return {
        suite.name if len(suite.conditions) == 1 else f"{suite.name}/{condition}": Case(
            "nominal", suite.cell, cell, episodes
        )
        for suite in suites
        for condition, cell in suite.conditions.items()
    }


def change_cases(names: list[str], episodes: int) -> dict[str, Case]:
    """Production changes by name, each within and beyond the training's range."""
    changes = _apart([load_change(name) for name in names])
    return {
        f"{change.name}/{key}": Case(key, change.cell, change.conditions[key], episodes)
        for change in changes
        for key in RANGES
    }


def _apart(suites: list[Suite]) -> list[Suite]:
    """They, if results can be told apart by their names."""
    names = [suite.name for suite in suites]
    for name in names:
        if names.count(name) > 1:
            raise InputError(name, "two files of this name in one study", "another name for one of them")
    return suites


def _shift_cases(config: StudyConfig, path: Path) -> dict[str, Case]:
    if config.shifts is None:
        return {}
    content = read_config("cells", locate("cells", config.shifts.cell))
    base, cases = changed_cell(content, {}, config.shifts.cell), {}
    if not base.simulation.get("recipe"):
        raise InputError(f"{path}: shifts.cell", config.shifts.cell, "a cell with a recipe")
    for name, onset in config.shifts.changes.items():
        event = {"at_s": [onset.at_s, onset.at_s], "faults": onset.faults.model_dump(exclude_unset=True)}
        cell = changed_cell(content, {"simulation": {"events": [event]}}, f"{path}: shifts.changes.{name}")
        cases[f"{SHIFT}/{name}"] = Case(SHIFT, base, cell, config.shifts.episodes)
    return cases
