from __future__ import annotations

import re
from pathlib import Path

import pytest

from robocell_controller.machine.packml import TABLE, Command, State

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
BUNDLES = (ROOT / "docs" / "bundles.md").read_text(encoding="utf-8")  # has such a table too


@pytest.mark.parametrize(("file", "test"), re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE + BUNDLES))
def test_each_test_that_the_page_names_is_there(file: str, test: str) -> None:
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("link", re.findall(r"\]\((\.\./[^)]+)\)", PAGE))
def test_each_file_that_the_page_links_is_there(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


def test_the_page_shows_the_state_table() -> None:
    head, rows = re.search(r"^(\| state \| Reset.*?)\n\|[-|]+\n(.*?)\n\n", PAGE, re.M | re.S).groups()
    commands = [Command[name.strip().upper()] for name in head.split("|")[2:-1]]
    shown = {}
    for row in rows.splitlines():
        name, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        state = State[name.upper()]
        shown |= {(state, command): State[cell.upper()] for command, cell in zip(commands, cells, strict=True) if cell}
    assert shown == dict(TABLE)
