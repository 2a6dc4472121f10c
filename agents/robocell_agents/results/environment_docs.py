"""``docs/environments.md``, made by ``robocell results``: the environments' docstrings and the observer's table."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise

import gymnasium

import robocell_envs
from robocell_agents.pages.tables import markdown_table
from robocell_controller.path.observer import FEATURES

_NAMESPACE = "RobotCell"
_RULE = re.compile(r"=+( +=+)+")
_HEADER = """# Environments

Made by `robocell results` from the docstrings of the registered environments and from
`robocell_controller.path.observer.FEATURES`; changes belong there.
"""
_OBSERVATION = """## The observation, entry by entry

Each value is quantity / scale, clipped to ±clip. One contract serves all single pick-and-place tasks.
"""


def environments_page() -> str:
    """The page as Markdown: one section for each registered environment, then the observation."""
    robocell_envs.register_envs()
    specs = [spec for spec in gymnasium.registry.values() if spec.namespace == _NAMESPACE]
    sections = [_section(spec) for spec in specs]
    return "\n".join([_HEADER, *sections, _OBSERVATION, markdown_table(_features())]) + "\n"


def docstring_table(docstring: str, column: str) -> list[list[str]]:
    """The first simple table of a docstring whose header has ``column``: header and rows, as texts.

    Raises:
        StopIteration: there is none.
    """
    lines = inspect.cleandoc(docstring).splitlines()
    return next(table for _, _, table in _tables(lines) if column in table[0])


def _section(spec: gymnasium.envs.registration.EnvSpec) -> str:
    entry = spec.entry_point
    kind = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    return f"## `{spec.id}`\n\nClass `{str(entry).replace(':', '.')}`.\n\n{_from_docstring(kind.__doc__ or '')}\n"


def _from_docstring(docstring: str) -> str:
    """A docstring as Markdown: its simple tables and its double backticks and roles are not."""
    lines = inspect.cleandoc(docstring).splitlines()
    for start, end, table in reversed(_tables(lines)):
        lines[start:end] = markdown_table(table).splitlines()
    return re.sub(r":\w+:(`[^`]+`)", r"\1", "\n".join(lines)).replace("``", "`")


def _tables(lines: list[str]) -> list[tuple[int, int, list[list[str]]]]:
    """Simple tables of reStructuredText, three rules each: first line, line after the last, rows of texts."""
    rules = [index for index, line in enumerate(lines) if _RULE.fullmatch(line.strip())]
    tables = []
    for top, middle, bottom in zip(rules[::3], rules[1::3], rules[2::3], strict=True):
        starts = [match.start() for match in re.finditer("=+", lines[top])]
        rows = [lines[top + 1], *lines[middle + 1 : bottom]]
        tables.append((top, bottom + 1, [_cells(row, starts) for row in rows]))
    return tables


def _cells(row: str, starts: list[int]) -> list[str]:
    return [row[start:end].strip() for start, end in pairwise([*starts, None])]


def _features() -> list[list[str]]:
    rows = [
        [str(index), feature.name, feature.unit, f"{feature.scale:.4g}", f"±{feature.clip:g}"]
        for index, feature in enumerate(FEATURES)
    ]
    return [["index", "name", "unit", "scale", "clip"], *rows]
