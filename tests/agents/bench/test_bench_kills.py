from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from real_time import undisturbed

from robocell_agents.bench.kills import Blow, Outcome, faults, strike, violations
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.loop.log_reader import read_log
from robocell_controller.machine.packml import Cause
from robocell_controller.order import Order
from robocell_controller.processes.plant import TRACE
from robocell_controller.processes.session import Session
from robocell_controller.processes.shared_memory import Word


@pytest.fixture(scope="module")
def cell() -> CellConfig:
    return load(CellConfig, "cells", "pick_place")


@pytest.mark.usefixtures("real_time")
@pytest.mark.parametrize(
    "blow",
    [
        Blow("loop", "SIGKILL", 0.9),
        Blow("plant", "SIGSTOP", 0.7),
        Blow("guardian", "SIGKILL", 1.0),
        Blow("logger", "SIGKILL", 0.5),
    ],
    ids=str,
)
@undisturbed
def test_whatever_is_killed_the_arm_stops_in_time_and_the_log_stays(
    cell: CellConfig, blow: Blow, tmp_path: Path
) -> None:
    outcome = strike(cell, blow, tmp_path / "run.log")
    assert faults(blow, outcome) == []
    assert outcome.stop_time is not None


@pytest.mark.usefixtures("real_time")
@undisturbed
def test_the_stop_switch_acts_within_a_tick(cell: CellConfig, tmp_path: Path) -> None:
    pressed = [0]
    with Session(cell, Order("program:guided", "pick_place", 5, True, 1, None)) as session:
        session.prepare(record=True)
        session.go(tmp_path / "run.log", {})

        def press(_: int) -> None:
            begun = session.layout.words[Word.ORIGIN]
            if begun and not pressed[0] and time.monotonic_ns() - begun > 8e8:
                pressed[0] = time.monotonic_ns()
                session.layout.words[Word.STOP] = 1

        stopped = session.watch(press)["stopped"]
    assert stopped.startswith("the drives stopped: no permission to move")
    stop = next(event for event in read_log(tmp_path / "run.log").events if event["event"] == "stop")
    assert stop["code"] == Cause.EMERGENCY_STOP.code
    trace = np.array([TRACE.unpack(content) for content in session.layout.trace.waiting()])
    after = trace[trace[:, 1] > pressed[0]]
    assert not after[:, 2].any()  # in no tick that began after the press did the drives follow
    assert not after[-1, 10:17].any()
    assert violations(cell, trace) == 0


@pytest.mark.usefixtures("real_time")
@undisturbed
def test_a_run_whose_parent_is_killed_ends_by_itself(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    code = "from robocell_controller.commands.cli import main; main()"
    arguments = ["run", "program:guided", "--parts", "50", "--realtime", "--log", str(log)]
    parent = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (log.exists() and len(read_log(log).ticks) > 50) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = _children(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(_runs(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(children) == 4
    assert not [child for child in children if _runs(child)]
    left = read_log(log)
    (stop,) = [event for event in left.events if event["event"] == "stop"]
    assert stop["cause"] == "the drives stopped: no permission to move (the run's parent process)"
    assert (left.events[-1]["state"], left.events[-1]["cause"]) == ("ABORTED", "PERMIT_LOST")
    assert left.dropped == 0


def _children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(child) for child in text.split()]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_violations_are_found(cell: CellConfig) -> None:
    limits, tick = cell.load_robot().limits, cell.rates.tick
    trace = np.zeros((50, 24))
    trace[:, 3:10] = trace[:, 17:24] = (limits.lower + limits.upper) / 2
    assert violations(cell, trace) == 0
    measured = trace.copy()
    measured[30, 20] = limits.upper[3] + 1e-3
    assert violations(cell, measured) == 1
    jolt = trace.copy()
    jolt[30:, 3] += 1.1 * limits.acceleration[0] * tick**2  # one step of the setpoint: speeds up, and stops again
    assert violations(cell, jolt) == 2


GOOD = Outcome("stopped", 0.1, 0.2, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("blow", "outcome", "found"),
    [
        (Blow("loop", "SIGKILL", 1.0), GOOD, []),
        (Blow("loop", "SIGKILL", 1.0), Outcome(None, 0.1, 0.2, 0, 0.0, 0), ["went on"]),
        (Blow("loop", "SIGKILL", 1.0), Outcome("x", 0.3, 0.2, 1, 0.0, 0), ["limits violated", "stopped late"]),
        (Blow("loop", "SIGKILL", 1.0), Outcome("x", None, 0.2, 0, 1.5, 0), ["log lost", "did not come to a stand"]),
        (Blow("plant", "SIGKILL", 1.0), Outcome("x", None, 0.2, 0, 0.0, 0), []),
        (Blow("logger", "SIGKILL", 1.0), Outcome(None, 3.0, 0.2, 0, -2.0, 0), []),
        (Blow("logger", "SIGSTOP", 1.0), Outcome("x", 0.1, 0.2, 0, -2.0, 3), ["log lost", "stopped: x"]),
    ],
)
def test_a_trial_is_judged(blow: Blow, outcome: Outcome, found: list[str]) -> None:
    assert faults(blow, outcome) == found
