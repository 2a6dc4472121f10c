from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robocell_controller.contract import CellState, JointCommand, PartInfo
from robocell_controller.errors import InputError
from robocell_controller.run_log import RECORD, RunLog, read_log

TICKS = 6
PART = PartInfo(width=0.04, height=0.04, symmetry=4, crush_force=100.0)


def state(index: int) -> CellState:
    q = np.arange(7.0) + index
    zeros = np.zeros(7)
    return CellState(0.0, q, zeros, zeros, 0.04, 0.0, zeros[:3], 0.0, 0.0, PART, zeros[:3], 0.0, 0.0, index // 3)


def append(log: RunLog, index: int) -> None:
    command = JointCommand(np.arange(7.0) * index, np.full(7, 0.1 * index), -0.5)
    action = np.array([index, 0.1, -0.1, 1e300, np.nan]) if index % 5 == 0 else None
    log.append(index, (100 + index, index), state(index), command, "stopping" if index == 2 else "", action)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "run.log"
    with RunLog(path, {"policy": "tiny"}) as log:
        for index in range(TICKS):
            append(log, index)
    return path


def test_what_was_written_is_read(path: Path) -> None:
    records = read_log(path)
    assert records["tick"].tolist() == list(range(TICKS))
    assert records["time_ns"].tolist() == list(range(100, 100 + TICKS))
    assert records["late_ns"].tolist() == list(range(TICKS))
    assert records["cycle"].tolist() == [0, 0, 0, 1, 1, 1]
    assert records["reason"].tolist() == [0, 0, 6, 0, 0, 0]
    np.testing.assert_array_equal(records["q_setpoint"][4], np.arange(7.0) * 4)
    np.testing.assert_array_equal(records["dq_setpoint"][5], np.full(7, 0.5))
    np.testing.assert_array_equal(records["q_measured"][1], np.arange(7.0) + 1)
    assert set(records["gripper_command"]) == {-0.5}
    assert set(records["gripper_width"]) == {0.04}
    expected = np.array([5, 0.1, -0.1, np.inf, np.nan], dtype=np.float32)
    np.testing.assert_array_equal(records["action"][5], expected)
    assert np.isnan(records["action"][1:5]).all()


def test_a_tail_torn_at_any_byte_costs_only_the_last_record(path: Path) -> None:
    content = path.read_bytes()
    for cut in range(1, RECORD.itemsize + 1):
        path.write_bytes(content[:-cut])
        assert len(read_log(path)) == TICKS - 1
        path.write_bytes(content[:-cut] + bytes(cut))  # as a file system that had given out the blocks leaves it
        assert len(read_log(path)) == TICKS - (0 if content[-cut:] == bytes(cut) else 1)


def test_damage_before_the_tail_is_an_error_not_a_shorter_log(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3 * RECORD.itemsize + 11] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"record {TICKS - 3}: wrong checksum"):
        read_log(path)


def test_a_log_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        RunLog(path, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x00\xff\n", b'{"format": "other-1"}\n'])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.log").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.log: "):
        read_log(tmp_path / "x.log")


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.log: No such file"):
        read_log(tmp_path / "none.log")


def test_a_crash_loses_at_most_a_second(tmp_path: Path) -> None:
    now = [0]
    log = RunLog(tmp_path / "x.log", {}, time_source=lambda: now[0])
    for index in range(20):
        now[0] += 400_000_000
        append(log, index)
        assert len(read_log(tmp_path / "x.log")) >= index - 1  # 0.8 s of ticks may wait in the buffer
    log.close()
    assert len(read_log(tmp_path / "x.log")) == 20
