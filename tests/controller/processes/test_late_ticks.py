from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array
from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.replay import replay
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.messages import FarState
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.processes import plant as plant_process
from robocell_controller.processes import remote_plant
from robocell_controller.processes.drive_watch import NO_PERMISSION
from robocell_controller.processes.guardian import PERIOD, objection
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.loop import start
from robocell_controller.processes.plant import TRACE, PlantProcess
from robocell_controller.processes.remote_plant import RemotePlant
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.summary import RunSummary
from robocell_envs.plant.simulated import SimulatedPlant

Delays = dict[int, int]  # ns, of ticks or periods by their numbers

MS = 1_000_000
TICK = 8 * MS
LIFETIME = 3 * TICK
ORIGIN = 1000 * TICK  # of the plant's ticks


class Line:
    """Plant, guardian and loop in a time of their own, which passes only while the loop waits or thinks."""

    def __init__(
        self, cell: CellConfig, plant: SimulatedPlant, late: Delays, thinks: Delays, patch: pytest.MonkeyPatch
    ) -> None:
        """``late``: by how much the plant's ticks begin late; ``thinks``: how long it takes to decide on periods."""
        self.now, self.due, self.look = ORIGIN - TICK, ORIGIN, ORIGIN - TICK
        self.late, self.thinks, self.ticks, self.periods, self.missed = late, thinks, 0, 0, 0
        self.cell = cell
        patch.setattr(remote_plant, "time", self)
        patch.setattr(plant_process, "time", self)
        self.layout = Layout(SharedMemory(Layout.SIZE))
        self.layout.words[Word.LIFETIME] = LIFETIME
        self.process = PlantProcess(self.layout, plant, cell)

    def monotonic_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pass_until(self.now + round(1e9 * seconds))

    def pass_until(self, then: int) -> None:
        while (event := min(self._begin(), self.look)) <= then:
            self.now = max(self.now, event)
            if event == self.look:
                self._guard()
            else:
                self._tick()
        self.now = max(self.now, then)

    def run(self, log: Path) -> RunSummary:
        clock = DeadlineClock(TICK, self.monotonic_ns, self.pass_until, start(ORIGIN, TICK, ORIGIN + 3 * TICK))
        with LogFile(log, {"cell": self.cell.model_dump(), "order": {"parts": 2}}) as file:
            link = RemotePlant(self.layout, TICK)
            return ControlLoop(self.cell, link, self._push, clock, Recorder(file.append)).run(2)

    def setpoints(self) -> Array:
        """Of the drives, position [n, 7] rad in each tick."""
        return np.array([TRACE.unpack(frame)[3:10] for frame in self.layout.trace.waiting()])

    def fault(self) -> str:
        """Of the drives."""
        return FarState.unpack(self.layout.state.read() or b"").fault

    def _push(self, path: ControlPath, view: View) -> Array:
        self.pass_until(self.now + self.thinks.get(self.periods, MS))
        self.periods += 1
        return np.array([0.0, 0.9 if self.periods % 12 < 6 else -0.9, 0.0, 0.0, 1.0])

    def _begin(self) -> int:
        return self.due + self.late.get(self.ticks, 0)

    def _tick(self) -> None:
        self.missed += (self.now - self.due) // TICK
        self.process.tick(self.now)
        self.ticks += 1
        self.due += (1 + (self.now - self.due) // TICK) * TICK

    def _guard(self) -> None:
        words = self.layout.words
        self.look += PERIOD
        if words[Word.WITHDRAWN]:
            return
        cause = objection(words, self.now, True)
        if not cause:
            words[Word.PERMITTED_UNTIL] = self.now + LIFETIME
        elif words[Word.PERMITTED_UNTIL]:
            words[Word.WITHDRAWN], words[Word.PERMITTED_UNTIL] = cause, 1


@pytest.fixture(scope="module")
def short(cell: CellConfig) -> CellConfig:
    return cell.model_copy(update={"cycle_time_limit_s": 0.6})


def play(cell: CellConfig, late: Delays, thinks: Delays) -> tuple[RunSummary, Line]:
    """A run on such a line; the drives kept within their limits, and its log is computed again bit for bit."""
    plant = SimulatedPlant(cell, seed=3)
    with closing(plant), pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        line = Line(cell, plant, late, thinks, patch)
        summary = line.run(Path(folder, "run.log"))
        line.pass_until(line.now + 100 * LIFETIME)
        assert replay(Path(folder, "run.log")).exact
    limits, tick, q = cell.load_robot().limits, cell.rates.tick, line.setpoints()
    assert (q[-1] == q[-2]).all()
    ddq = np.diff(q, n=2, axis=0) / tick**2
    assert (np.abs(ddq) <= limits.acceleration * (1 + 1e-6)).all()
    return summary, line


def test_in_time_nothing_is_missed(short: CellConfig) -> None:
    summary, line = play(short, {}, {})
    assert (summary.stopped, summary.parts, summary.gaps, summary.overruns, line.missed) == (None, 2, 0, 0, 0)


# The sixth period is decided 2 ms after the plant's tick 29, and its first command is for tick 30, 6 ms later.
@pytest.mark.parametrize(
    ("late", "thinks", "gaps"),
    [
        ({}, {5: 7 * MS}, 1),  # the command comes late
        ({}, {5: 10 * MS}, 1),  # and so does the loop's next tick
        ({}, {5: 16 * MS}, 1),  # the drives brake for two ticks
        ({30: 11 * MS}, {}, 0),  # the plant is late for its command, which is followed
        ({30: 11 * MS}, {5: 10 * MS}, 0),  # and so is the command
        ({31: 10 * MS}, {5: 7 * MS}, 1),  # the plant is late after a late command: the loop reads twice what was held
    ],
)
def test_after_late_ticks_and_commands_the_loop_goes_on(
    short: CellConfig, late: Delays, thinks: Delays, gaps: int
) -> None:
    summary, _ = play(short, late, thinks)
    assert (summary.stopped, summary.parts, summary.gaps) == (None, 2, gaps)


@pytest.mark.parametrize(
    ("late", "thinks", "cause"),
    [
        ({}, {5: 21 * MS}, "the drives stopped: no command in time"),
        ({}, {5: 40 * MS}, "the drives stopped: no command in time (the controller's heartbeat)"),
        ({}, {0: 40 * MS}, "the drives stopped: no permission to move (the controller's heartbeat)"),  # before it moved
        ({31: 40 * MS}, {}, "the drives stopped: no permission to move (the plant's heartbeat)"),
    ],
)
def test_after_longer_ones_everything_stops_and_says_why(
    short: CellConfig, late: Delays, thinks: Delays, cause: str
) -> None:
    assert play(short, late, thinks)[0].stopped == cause


def delays(numbers: int) -> st.SearchStrategy[Delays]:
    return st.dictionaries(st.integers(0, numbers), st.integers(1, 14 * MS), max_size=numbers // 3)


@settings(max_examples=15, deadline=None)
@given(delays(150), delays(40))
def test_whatever_comes_late_the_drives_never_refuse_a_command(short: CellConfig, late: Delays, thinks: Delays) -> None:
    summary, line = play(short, late, thinks)
    assert line.fault() in ("", "no command in time", NO_PERMISSION)
    assert summary.stopped or summary.parts == 2
