from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from robocell_controller.contract import CellState, JointCommand, PartInfo, Setpoint
from robocell_controller.errors import InputError
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.run_log import RECORD, LogFile, Recorder
from robocell_controller.messages import STATE, pack_state, unpack_state

TICKS = 6
PART = PartInfo(width=0.04, height=0.041, symmetry=4, crush_force=100.0)
OVERHEAD = 20  # bytes of a frame beside its content


def state(index: int) -> CellState:
    numbers = np.random.default_rng(index).normal(size=100)
    held = Setpoint(numbers[60:67], numbers[67:74], numbers[74:81]) if index == 3 else None
    return CellState(
        numbers[0].item(), numbers[1:8], numbers[8:15], numbers[15:22], 0.04, 0.5, numbers[22:25], 0.1, 0.2, PART,
        numbers[25:28], 0.3, 0.6, index // 3, 0.7, held,
    )  # fmt: skip


def record(recorder: Recorder, index: int) -> None:
    command = JointCommand(np.arange(7.0) * index, np.full(7, 0.1 * index), -0.5)
    action = {0: np.array([0, 0.1, -0.1, 1e300, np.nan]), 5: np.zeros(3)}.get(index)
    recorder.tick(index, (100 + index, index, 7), state(index), command, "stopping" if index == 2 else "", action)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "run.log"
    with LogFile(path, {"policy": "tiny"}) as log:
        recorder = Recorder(log.append)
        recorder.event("begin", 0, cause="a test")
        for index in range(TICKS):
            record(recorder, index)
    return path


def test_what_was_written_is_read(path: Path) -> None:
    log = read_log(path)
    records = log.ticks
    assert log.about == {"policy": "tiny"}
    assert log.events == [{"event": "begin", "tick": 0, "cause": "a test"}]
    assert (log.dropped, log.size, log.last) == (0, path.stat().st_size, TICKS + 1)
    assert records["tick"].tolist() == list(range(TICKS))
    assert records["time_ns"].tolist() == list(range(100, 100 + TICKS))
    assert records["late_ns"].tolist() == list(range(TICKS))
    assert set(records["took_ns"]) == {7}
    assert records["cycle"].tolist() == [0, 0, 0, 1, 1, 1]
    assert records["reason"].tolist() == [b"", b"", b"stopping", b"", b"", b""]
    np.testing.assert_array_equal(records["q_setpoint"][4], np.arange(7.0) * 4)
    np.testing.assert_array_equal(records["dq_setpoint"][5], np.full(7, 0.5))
    for index in range(TICKS):
        for name in ("q", "dq", "tau", "part_position", "slot_position"):
            np.testing.assert_array_equal(records[name][index], getattr(state(index), name))
    np.testing.assert_array_equal(records["part"][1], [0.04, 0.041, 4, 100.0])
    assert set(records["gripper_command"]) == {-0.5}
    assert set(records["obstacle_height"]) == {0.7}
    assert records["decided"].tolist() == [5, -1, -1, -1, -1, 0]
    np.testing.assert_array_equal(records["action"][0], [0, 0.1, -0.1, 1e300, np.nan])
    assert np.isnan(records["action"][1:]).all()


@pytest.mark.parametrize("index", [0, 3])
def test_a_state_comes_back_bit_for_bit(index: int) -> None:
    content = pack_state(state(index))
    assert len(content) == STATE.size
    back = unpack_state(content)
    assert pack_state(back) == content
    assert (back.part, back.cycle, back.held is None) == (PART, index // 3, index == 0)


def test_a_tail_torn_at_any_byte_costs_only_the_last_record(path: Path) -> None:
    content = path.read_bytes()
    whole = RECORD.itemsize + OVERHEAD
    for cut in (*range(1, 30), *range(30, whole - 30, 11), *range(whole - 30, whole + 1)):
        path.write_bytes(content[:-cut])
        assert len(read_log(path).ticks) == TICKS - 1
        path.write_bytes(content[:-cut] + bytes(cut))  # as a file system that had given out the blocks leaves it
        assert len(read_log(path).ticks) == TICKS - (0 if content[-cut:] == bytes(cut) else 1)


def ended(path: Path) -> bytes:
    """The log of a run that came to its end."""
    with LogFile(path, {"policy": "tiny"}) as log:
        recorder = Recorder(log.append)
        for index in range(TICKS):
            record(recorder, index)
        recorder.end()
    return path.read_bytes()


def test_only_an_end_mark_at_the_very_end_makes_a_log_complete(tmp_path: Path) -> None:
    content = ended(tmp_path / "x.log")
    whole = read_log(tmp_path / "x.log")
    assert (whole.complete, whole.torn, whole.dropped, len(whole.ticks)) == (True, 0, 0, TICKS)
    (tmp_path / "x.log").write_bytes(content[:-OVERHEAD])
    between = read_log(tmp_path / "x.log")
    assert (between.complete, between.torn) == (False, 0)
    assert between.how_it_ends() == f"breaks off after {TICKS} ticks without an end mark"
    (tmp_path / "x.log").write_bytes(content + b"abc")
    assert "3 bytes" in read_log(tmp_path / "x.log").how_it_ends()


def test_a_cut_at_any_byte_is_noticed(tmp_path: Path) -> None:
    content = ended(tmp_path / "x.log")
    header = content.index(b"\n") + 1
    for cut in (0, 1, header // 2, header - 1):
        (tmp_path / "x.log").write_bytes(content[:cut])
        with pytest.raises(InputError, match="header"):
            read_log(tmp_path / "x.log")
    for cut in (header, header + 1, *range(header + 7, len(content), 97), len(content) - 1):
        (tmp_path / "x.log").write_bytes(content[:cut])
        log = read_log(tmp_path / "x.log")
        assert not log.complete and log.size + log.torn == cut


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    content = ended(tmp_path / "x.log")
    header = content.index(b"\n") + 1
    for place in (*range(0, header, 13), *range(header, len(content), 41), len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "x.log").write_bytes(changed)
        with suppress(InputError):
            assert not read_log(tmp_path / "x.log").complete


def test_damage_before_the_tail_is_an_error_not_a_shorter_log(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3 * (RECORD.itemsize + OVERHEAD) + 39] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"frame {TICKS + 1 - 2}: wrong checksum"):
        read_log(path)


def test_frames_that_never_came_are_counted(tmp_path: Path) -> None:
    with LogFile(tmp_path / "x.log", {}) as log:
        recorder = Recorder(lambda frame: next(keep) and log.append(frame))
        keep = iter([True, False, False, True, True])
        for index in range(5):
            record(recorder, index)
    log_read = read_log(tmp_path / "x.log")
    assert (log_read.dropped, log_read.ticks["tick"].tolist()) == (2, [0, 3, 4])


def test_a_log_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        LogFile(path, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x00\xff\n", b'{"format": "other-1"}\n', b"[1]\n"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.log").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.log: "):
        read_log(tmp_path / "x.log")


def test_a_log_whose_ticks_have_other_fields_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"late_ns"', b'"delay"'))
    with pytest.raises(InputError, match="ticks with other fields"):
        read_log(path)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.log: No such file"):
        read_log(tmp_path / "none.log")


def test_a_crash_loses_at_most_a_second(tmp_path: Path) -> None:
    now = [0]
    log = LogFile(tmp_path / "x.log", {}, time_source=lambda: now[0])
    recorder = Recorder(log.append)
    for index in range(20):
        now[0] += 90_000_000
        record(recorder, index)
        assert len(read_log(tmp_path / "x.log").ticks) >= index - 2  # 0.27 s of ticks may wait in the buffer
    log.close()
    assert len(read_log(tmp_path / "x.log").ticks) == 20
