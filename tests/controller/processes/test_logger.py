from __future__ import annotations

from pathlib import Path

import pytest
from full_disk import largest_file
from real_time import undisturbed

from robocell_controller.cell.config import CellConfig
from robocell_controller.loop.log_reader import read_log
from robocell_controller.order import Order
from robocell_controller.processes.session import Session


@pytest.mark.usefixtures("real_time")
@undisturbed
def test_a_full_disk_ends_the_log_and_not_the_run(cell: CellConfig, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    order = Order("program:guided", "pick_place", 1, True, 0, None)
    with Session(cell, order) as session, largest_file(80_000):  # which the processes take over, not their memory
        session.prepare(record=True)
        session.go(log, {})
        summary = session.watch(lambda parts: None)
    assert (summary["parts"], summary["stopped"], summary["gaps"]) == (1, None, 0)
    assert session.log_fault() == f"{log}: File too large"
    left = read_log(log)
    assert len(left.ticks) > 0 and not left.complete and left.torn == 0
