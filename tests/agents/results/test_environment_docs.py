"""The page on the environments says what the code does."""

from __future__ import annotations

import math

import gymnasium

from robocell_agents.results.environment_docs import docstring_table, environments_page
from robocell_controller.contract import ACTION_NAMES
from robocell_controller.path.observer import FEATURES
from robocell_envs.cell_env import PickPlaceEnv


def test_the_docstring_tells_the_observation_as_the_observer_makes_it() -> None:
    header, *rows = docstring_table(PickPlaceEnv.__doc__, "scale")
    assert header[:5] == ["index", "name", "unit", "scale", "clip"]
    told = []
    for indices, names, unit, scale, clip, *_ in rows:
        first, _, last = indices.partition("-")
        entries = _entries(names, int(last or first) - int(first) + 1)
        number = math.pi / 4 if scale == "π/4" else float(scale)
        told += [(int(first) + i, name, unit, number, float(clip[1:])) for i, name in enumerate(entries)]
    assert told == [(i, each.name, each.unit, each.scale, each.clip) for i, each in enumerate(FEATURES)]


def _entries(names: str, count: int) -> list[str]:
    several = names.split(", ")
    return several if len(several) == count else [f"{names}_{axis}" for axis in "xyz"[:count]]


def test_the_docstring_names_the_actions() -> None:
    _, *rows = docstring_table(PickPlaceEnv.__doc__.partition("**Action**")[2], "meaning")
    assert [row[1] for row in rows] == ["tcp_dx..", *ACTION_NAMES[3:]]


def test_each_registered_environment_has_its_section() -> None:
    page = environments_page()
    names = [name for name in gymnasium.registry if name.startswith("RobotCell/")]
    assert len(names) >= 3
    for name in names:
        section = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        for word in ("**observation**", "**action**", "**success**", "**episode end**", "**version history**"):
            assert word in section.lower(), (name, word)
    assert "``" not in page and "===" not in page and ":class:" not in page
    assert all(f"| {index} | {each.name} | {each.unit} |" in page for index, each in enumerate(FEATURES))
