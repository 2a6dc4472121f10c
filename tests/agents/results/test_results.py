"""The published tables: up to date with the JSON files they are made from, and refused when they are stale."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from robocell_agents.results.regenerate import regenerate
from robocell_controller.bundle.bundle import load_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "results", tmp_path / "results")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path / "results"


def test_the_tables_of_the_readme_and_the_docs_are_up_to_date() -> None:
    assert regenerate(ROOT / "results", check=True) == 0


def test_a_changed_figure_makes_them_stale_and_regenerating_mends_it(copy: Path) -> None:
    path = copy / "pick_place" / "policy.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"parts_per_hour": ', '"parts_per_hour": 1'))
    assert regenerate(copy, check=True) == 1
    assert regenerate(copy, check=False) == 0
    assert regenerate(copy, check=True) == 0


@pytest.mark.parametrize(
    ("name", "figure"),
    [("fuzz_bundle", '"let_in": 0'), ("fuzz_guard", '"ticks": 10000000'), ("bench_kills", '"limit_violations": 0')],
)
def test_a_changed_figure_of_the_docs_makes_their_page_stale(copy: Path, name: str, figure: str) -> None:
    path = copy / f"{name}.json"
    path.write_text(path.read_text(encoding="utf-8").replace(figure, figure[:-1] + "1"), encoding="utf-8")
    assert regenerate(copy, check=True) == 1


def test_an_edited_page_of_the_docs_is_stale_and_regenerating_mends_it(copy: Path) -> None:
    page = copy.parent / "docs" / "environments.md"
    page.write_text(page.read_text(encoding="utf-8").replace("part_yaw_from_tcp", "part_yaw"), encoding="utf-8")
    assert regenerate(copy, check=True) == 1
    assert regenerate(copy, check=False) == 0
    assert regenerate(copy, check=True) == 0


def test_the_limit_was_computed_for_the_published_evaluations() -> None:
    policies = json.loads((ROOT / "results" / "bench_limit.json").read_text(encoding="utf-8"))["policies"]
    for policy, name in zip(policies, ("policy", "guided", "oracle"), strict=True):
        evaluation = json.loads((ROOT / "results" / "pick_place" / f"{name}.json").read_text(encoding="utf-8"))
        assert (policy["policy"], policy["cycle_time_s"]) == (evaluation["policy"], evaluation["cycle_time_s"])


def test_a_readme_without_a_place_for_a_table_is_refused(copy: Path) -> None:
    (copy.parent / "README.md").write_text("# robocell", encoding="utf-8")
    with pytest.raises(InputError, match="the place of a generated table"):
        regenerate(copy, check=False)


@pytest.mark.parametrize("name", ["pick_place", "adaptive"])
def test_a_released_bundle_passes_its_own_checks_for_the_default_cell(name: str) -> None:
    bundle = load_bundle(ROOT / "results" / "policies" / name, load(CellConfig, "cells", "pick_place"))
    assert bundle.contract.cell == "pick_place"
