"""Schema of the studies of trainings in ``configs/studies``: which recipes, in which cells, tested how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt, Le, Len, MinLen
from pydantic import AfterValidator, Field, StringConstraints

from robocell_agents.acting.settings import Count, CountOrZero, Episodes
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import Names, NamesOrNone, TrainingConfig, each_once
from robocell_agents.evaluation.side_by_side import check_cores
from robocell_agents.studies.config import Case, change_cases, suite_cases
from robocell_agents.suites.suite import Suite
from robocell_controller.config import Config, load, locate, merged, parse, read_config
from robocell_controller.errors import InputError

_KIND = "studies"
_KEY = "recipes"  # which only a study of trainings has
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")]  # files are called after it
Seeds = Annotated[list[CountOrZero], Len(1), AfterValidator(each_once)]


class TrainingStudyConfig(Config):
    """One study of trainings: every recipe in every cell with every training seed.

    Attributes:
        recipes: training configs by the name they are shown under; each may extend another one.
        common: laid over all of them, such as the time limit.
        cells: what to train for, by the cell's name, each with the suites that its policies are tested on.
        changes: production changes that all policies are tested on besides, within and beyond training.
        seeds: training seeds.
        cores: of each run; the run and its workers stay on them.
        side_by_side: runs at a time.
        episodes: test episodes of each condition.
        reach: success from which on a training seed counts as having got there: in validation, how soon; in test,
            whether.
        runs: folder for the run folders.
        out: folder for the results.
    """

    recipes: Annotated[dict[Name, dict[str, Any]], Len(1)]
    common: dict[str, Any] = Field(default_factory=dict)
    cells: Annotated[dict[Annotated[str, MinLen(1)], Names], Len(1)]
    changes: NamesOrNone = Field(default_factory=list)
    seeds: Seeds
    cores: Count
    side_by_side: Count
    episodes: Episodes
    reach: Annotated[float, Gt(0), Le(1)]
    runs: str
    out: str


@dataclass(frozen=True, slots=True)
class Run:
    """One training of the study.

    Attributes:
        cell: name of what it is for.
        recipe: name of its recipe.
        seed: training seed.
        config: its training config, resolved.
        folder: its run folder.
    """

    cell: str
    recipe: str
    seed: int
    config: TrainingConfig
    folder: Path


@dataclass(frozen=True, slots=True)
class TrainingStudy:
    """A checked study of trainings.

    Attributes:
        name: of the file.
        config: as read.
        runs: all trainings, every recipe's first seed before any one's second.
        cases: the conditions of the test by name, for each cell.
    """

    name: str
    config: TrainingStudyConfig
    runs: list[Run]
    cases: dict[str, dict[str, Case]]

    @property
    def out(self) -> Path:
        """Folder for the results."""
        return Path(self.config.out)

    def suite(self, cell: str) -> Suite:
        """What the policies for a cell are tested on, as one suite."""
        cases = self.cases[cell]
        first = next(iter(cases.values()))
        return Suite(self.name, first.base, cell, {name: case.cell for name, case in cases.items()})


def is_training_study(name_or_path: str | Path) -> bool:
    """Whether a study is about trainings, and not about contestants that are there already."""
    return _KEY in read_config(_KIND, locate(_KIND, name_or_path))


def load_training_study(name_or_path: str | Path) -> TrainingStudy:
    """Finds, reads and checks a study of trainings, its recipes, cells and suites included.

    Raises:
        InputError: missing, malformed, or something that it names is; or more cores than there are.
    """
    path = locate(_KIND, name_or_path)
    config = load(TrainingStudyConfig, _KIND, path)
    check_cores(path, config.side_by_side, config.cores)
    recipes = {
        (Path(cell).stem, name): _recipe(f"{path}: recipes.{name}", content, merged(config.common, {"cell": cell}))
        for cell in config.cells
        for name, content in config.recipes.items()
    }
    if len(recipes) < len(config.cells) * len(config.recipes):
        raise InputError(f"{path}: cells", "two files of one name", "another name for one of them")
    runs = [
        Run(cell, name, seed, recipe, Path(config.runs) / cell / f"{name}-{seed}")
        for seed in config.seeds
        for (cell, name), recipe in recipes.items()
    ]
    cases = {
        Path(cell).stem: {**suite_cases(suites, config.episodes), **change_cases(config.changes, config.episodes)}
        for cell, suites in config.cells.items()
    }
    return TrainingStudy(path.stem, config, runs, cases)


def _recipe(place: str, content: dict[str, Any], common: dict[str, Any]) -> TrainingConfig:
    """A recipe's training config, checked together with its cells; ``place`` says where it comes from."""
    base: dict[str, Any] = {}
    if "extends" in content:
        base = read_config("agents", locate("agents", str(content["extends"])))
    own = {key: value for key, value in content.items() if key != "extends"}
    config = parse(TrainingConfig, merged(merged(base, own), common), place)
    training_cells(config, place)
    return config
