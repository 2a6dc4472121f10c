from __future__ import annotations

import re

import pytest
from PIL import Image

from robocell_agents.pages.report import FILM, Story, write_report
from robocell_agents.pages.report_page import pairs, table
from robocell_agents.pages.report_tables import percent
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load

CELL = load(CellConfig, "cells", "pick_place").model_copy(update={"cycle_time_limit_s": 0.32})  # a short film
PROGRESS = [
    {"wall_s": 60.0, "stage": "cloning", "success": 0.0, "low": 0.0, "high": 0.1, "cycle_time_s": 5.0},
    {"wall_s": 90.0, "stage": "ppo", "success": 0.9, "low": 0.8, "high": 0.95, "cycle_time_s": 2.0},
]
CONTROLLER = {
    "parts": 50,
    "placed": 49,
    "success": {"rate": 0.98, "low": 0.895, "high": 0.9965, "n": 50},
    "cycle_time_s": {"median": 1.9, "p95": 2.2},
    "parts_per_hour": 1800.0,
    "failures": {"not_picked": 1},
    "time_s": 100.0,
    "wall_s": 14.0,
    "overruns": 3,
    "latency_us": {"inference": {"p50": 17.0, "p99": 31.0, "p99_9": 60.0, "max": 141.0}},
    "interventions": {},
    "signed_by": {"id": "51e65c00c7bcec57", "name": "development", "kind": "development"},
}


def _evaluation(policy: str, successes: int) -> dict:
    row = {"drops": 0, "placement_error_m": 0.001, "peak_force_n": 30.0, "energy_j": 50.0}
    return {
        "policy": policy,
        "suite": {"name": "two", "cell": "pick_place"},
        "versions": {"python": "3.11"},
        "hardware": {"cpu": "a <fast> one", "cores": 2, "system": "Linux", "wall_s": 3.0, "workers": 2},
        "git": {"commit": None, "dirty": None},
        "seeds": {"range": "test", "first": 0, "n": 10},
        "episodes": [
            {
                **row,
                "condition": condition,
                "seed": seed,
                "success": seed < successes,
                "time_s": 1.5 + 0.04 * seed,
                "failure": None if seed < successes else "not_picked",
            }
            for condition in ("nominal", "odd_parts")
            for seed in range(10)
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluations = [_evaluation("program:oracle", 9), _evaluation("program:guided", 7), _evaluation("program:rigid", 0)]
    commands = ["robocell train pick_place --seed 0"]
    write_report(folder, Story("program:oracle", CELL, evaluations, PROGRESS, CONTROLLER, commands))
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_page_needs_nothing_from_outside(page):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses and all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "@import" not in page and "url(http" not in page and "<script" not in page


def test_page_tells_the_whole_story(page):
    assert page.count("<svg ") == 3
    for text in (
        "90.0 %",
        "odd parts",
        "guided program",
        "49 of 50",
        "p99.9",
        "DEVELOPMENT key",
        "robocell train pick_place --seed 0",
    ):
        assert text in page
    assert "a &lt;fast&gt; one" in page and "a <fast> one" not in page


def test_film_is_animated_and_small(folder):
    assert (folder / FILM).stat().st_size < 1_500_000
    with Image.open(folder / FILM) as film:
        assert film.n_frames == 5  # 8 policy periods, every second one
        assert film.size == (480, 360)


def test_numbers_are_not_rounded_up_to_all():
    assert percent(1.0) == "100 %"
    assert percent(0.9999) == "99.9 %"
    assert percent(0.5) == "50.0 %"


def test_texts_are_escaped():
    assert "&lt;b&gt;" in table(["<b>"], [["x"]]) and "&lt;b&gt;" in pairs([("<b>", "x")])
