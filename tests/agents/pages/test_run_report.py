from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robocell_agents.pages.histogram import histogram
from robocell_agents.pages.run_report import write_run_report
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_envs.plant.simulated import SimulatedPlant

PACED = {"guarantee": "best effort: <every> miss is counted", "granted": {"loop": {"fifo": 0}}}


class Page(HTMLParser):
    """The texts of a page, and the addresses that it asks for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.addresses, self.bars = "", [], 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        self.bars += tag == "rect"


@pytest.mark.parametrize("about", [{}, PACED])
def test_a_run_is_told_whole_and_offline(about: dict[str, Any], tmp_path: Path) -> None:
    cell = load(CellConfig, "cells", "pick_place").model_copy(update={"cycle_time_limit_s": 0.4})
    plant = SimulatedPlant(cell, seed=1)
    order = {"order": {"bundle": "<tiny>", "parts": 5}, "cell": cell.model_dump(), **about}
    with LogFile(tmp_path / "run.log", order) as file:
        cycles: list[object] = []

        def on_cycle(cycle: object) -> None:
            cycles.append(cycle)
            if len(cycles) == 2:
                loop.request_stop("a test's end")

        actor = lambda path, view: np.full(5, np.nan) if not cycles else np.full(5, 0.1)  # noqa: E731
        loop = ControlLoop(cell, plant, actor, FreeRunningClock(), Recorder(file.append), on_cycle)
        loop.run(5)
    plant.close()
    write_run_report(tmp_path / "run.log", tmp_path / "run.html")
    page = Page(tmp_path / "run.html")
    assert page.addresses == []
    assert page.bars > 5
    for text in (
        "Run of <tiny>",
        "0 of 2",
        "time_limit",
        "action not finite",
        "a test's end",
        "clearing",
        "OEE",
        "11: An operator",
    ):
        assert text in page.text
    assert ("<every> miss" in page.text) == bool(about)
    assert "ends with its end mark" in page.text


def test_the_page_of_a_log_that_breaks_off_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LogFile(tmp_path / "run.log", {}) as file:
        file.append(b"torn")
    write_run_report(tmp_path / "run.log", tmp_path / "run.html")
    text = "breaks off after 0 ticks without an end mark, 4 bytes behind them can't be read"
    assert text in Page(tmp_path / "run.html").text and text in capsys.readouterr().err


def test_a_page_never_takes_its_logs_place(tmp_path: Path) -> None:
    with LogFile(tmp_path / "run.html", {}):
        pass
    before = (tmp_path / "run.html").read_bytes()
    with pytest.raises(InputError, match="the log itself"):
        write_run_report(tmp_path / "run.html", tmp_path / "run.html")
    assert (tmp_path / "run.html").read_bytes() == before


def test_a_log_without_a_tick_has_a_page(tmp_path: Path) -> None:
    with LogFile(tmp_path / "run.log", {}):
        pass
    write_run_report(tmp_path / "run.log", tmp_path / "run.html")
    assert "The log holds no tick." in Page(tmp_path / "run.html").text


def test_no_log_no_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.log"):
        write_run_report(tmp_path / "none.log", tmp_path / "run.html")
    assert not (tmp_path / "run.html").exists()


@pytest.mark.parametrize("values", [[5.0], [1.0, 1.0], [0.0, 1e6], list(range(1, 500))])
@pytest.mark.parametrize("logarithmic", [True, False])
def test_every_value_is_in_a_bar(values: list[float], logarithmic: bool) -> None:
    svg = histogram(np.array(values), "µs", "a", logarithmic)
    counts = [int(part.split(" ")[0]) for part in svg.split("<title>")[1:]]
    assert sum(counts) == len(values)
