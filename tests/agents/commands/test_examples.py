"""The pages of examples do what they say: their blocks are taken out and run, in their order, as a reader would."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from robocell_controller.commands.cli import execute

DOCS = Path(__file__).parents[3] / "docs"
PAGE, ELSEWHERE = DOCS / "examples.md", DOCS / "policies_from_elsewhere.md"
LONGEST = 30  # lines of a file or script of "Train your own"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each block."""
    return [(language, content) for language, content in _BLOCK.findall(text)]


def _run(folder: Path, language: str, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a reader does with a block."""
    if language == "yaml":
        name = re.match(r"# (\w+\.yaml)\n", content)
        assert name, content
        (folder / name[1]).write_text(content, encoding="utf-8")
    elif language == "python":
        (folder / "script.py").write_text(content, encoding="utf-8")
        done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    else:
        assert language == "sh"
        for line in content.splitlines():
            _command(folder, line, capsys)


def _command(folder: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(line)
    if program == "robocell":
        assert execute(arguments) == 0, (line, capsys.readouterr().err)
        return
    assert (program, arguments[0]) == ("python", "-m")
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (line, done.stderr)


def _sections() -> list[tuple[Path, str]]:
    titles = re.compile(r"^##+ (?!Train your own)(.+)$", re.MULTILINE)
    return [(page, title) for page in (PAGE, ELSEWHERE) for title in titles.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize(("page", "title"), _sections(), ids=lambda each: each if isinstance(each, str) else each.stem)
def test_section_does_what_it_says(page, title, tmp_path, monkeypatch, capsys):
    section = re.split(rf"^##+ {title}$", page.read_text("utf-8"), maxsplit=1, flags=re.MULTILINE)[1]
    blocks = _blocks(re.split(r"^##+ ", section, maxsplit=1, flags=re.MULTILINE)[0])
    assert blocks
    monkeypatch.chdir(tmp_path)
    for language, content in blocks:
        _run(tmp_path, language, content, capsys)


def test_nothing_of_your_own_is_longer_than_a_screen():
    own = PAGE.read_text("utf-8").split("## Train your own")[1]
    assert all(len(content.splitlines()) < LONGEST for _, content in _blocks(own))


def test_the_zoo_is_told_where_the_environments_are():
    assert "--env RobotCell/PickPlace-v0 --gym-packages robocell_envs" in PAGE.read_text("utf-8")
