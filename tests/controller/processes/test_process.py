from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from full_disk import largest_file

from robocell_controller.cell.config import CellConfig
from robocell_controller.order import Order
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.process import Process
from robocell_controller.processes.shared_memory import SharedMemory
from robocell_controller.trust.home import VARIABLE, home


def test_a_process_passes_on_that_the_disk_is_full(
    cell: CellConfig, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, order = SharedMemory(Layout.SIZE), Order(str(bundle), "pick_place", 1, True, 0, None)
    arguments = {"cell": cell.model_dump(), "order": asdict(order), "record": False}
    shutil.copytree(home() / "keys", tmp_path / "home" / "keys")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    with largest_file(10):
        process = Process("loop", memory.descriptor, arguments)
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            process.rights()
        assert caught.value.filename == str(tmp_path / "home" / "epochs.json")
    finally:
        process.end(5.0)
        memory.close()
