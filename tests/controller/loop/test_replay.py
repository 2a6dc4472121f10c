from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.contract import Array
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.replay import replay
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.rollout.deployment import deploy
from robocell_controller.rollout.supervised import Supervised
from robocell_envs.plant.simulated import SimulatedPlant


def wild(path: ControlPath, view: View) -> Array:
    """Fails its cycles in every way that an action can be wrong."""
    stream = np.random.default_rng(round(1e6 * view.part_age + 1e5 * abs(view.tcp_yaw)))
    kind = stream.integers(6)
    return [np.full(5, np.nan), np.zeros(3), np.full(5, 1e300)][kind] if kind < 3 else stream.uniform(-1, 1, 5)


@pytest.fixture
def log(cell: CellConfig, tmp_path: Path) -> Path:
    """Three failed cycles with clearing, then a stop in mid-motion."""
    path = tmp_path / "run.log"
    short = cell.model_copy(update={"cycle_time_limit_s": 0.6})
    plant = SimulatedPlant(short, seed=2)
    with LogFile(path, {"cell": short.model_dump(), "order": {"parts": 9}}) as file:
        cycles: list[object] = []

        def on_cycle(cycle: object) -> None:
            cycles.append(cycle)
            if len(cycles) == 3:
                loop.request_stop("enough")

        loop = ControlLoop(short, plant, wild, FreeRunningClock(), Recorder(file.append), on_cycle)
        assert loop.run(9).stopped == "enough"
    plant.close()
    return path


def test_a_run_with_failures_and_a_stop_gives_the_same_commands(log: Path) -> None:
    records = read_log(log).ticks
    assert set(records["reason"]) >= {b"", b"action not finite", b"clearing", b"stopping"}
    found = replay(log)
    assert found.exact
    assert found.same == len(records)


def test_actions_are_computed_again(log: Path) -> None:
    assert replay(log, wild).exact
    other = replay(log, lambda path, view: np.array([0.0, 0.0, 0.1, 0.0, 0.0]))
    assert (other.exact, other.differs_at) == (False, 0)


def test_what_is_left_of_a_log_is_replayed_and_said_to_break_off(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(log).complete
    log.write_bytes(log.read_bytes()[:100_000])
    found = replay(log)
    assert found.exact and not found.complete and found.same == found.ticks > 50
    assert execute(["replay", str(log)]) == 1
    words = capsys.readouterr().out
    assert f"breaks off after {found.ticks} ticks without an end mark" in words and "bytes" in words
    assert execute(["replay", str(log), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["complete"] is False


def test_one_other_bit_is_found(log: Path) -> None:
    content = read_log(log)
    for name, tick in (("q_setpoint", 33), ("q", 40), ("action", 45)):
        changed = content.ticks.copy()
        value = changed[name][tick : tick + 1].copy()
        value[0, 0] = 0.25 if name == "action" else np.nextafter(value[0, 0], 9.0)
        changed[name][tick] = value
        rewritten = log.with_name(f"{name}.log")
        rewrite(rewritten, content.about, changed, content.events)
        found = replay(rewritten)
        if name == "q_setpoint":
            assert (found.exact, found.differs_at) == (False, tick)
        else:  # of an input it depends on the law whether one bit shows
            assert found.differs_at is None or found.differs_at >= tick


def rewrite(path: Path, about: dict[str, object], ticks: Array, events: list[dict[str, object]]) -> None:
    with LogFile(path, about) as file:
        recorder = Recorder(file.append)
        for event in events:
            recorder.event(str(event["event"]), **{k: v for k, v in event.items() if k != "event"})  # type: ignore[arg-type]
        for record in ticks:
            recorder._frame(1, record.tobytes())


def test_a_log_with_a_gap_is_replayed_up_to_it(log: Path, tmp_path: Path) -> None:
    content = read_log(log)
    with LogFile(tmp_path / "gap.log", content.about) as file:
        frames: list[bytes] = []
        recorder = Recorder(frames.append)
        for record in content.ticks:
            recorder._frame(1, record.tobytes())
        for frame in frames[:50] + frames[53:]:
            file.append(frame)
    found = replay(tmp_path / "gap.log")
    assert (found.exact, found.dropped, found.same) == (False, 3, 50)


def test_the_command(log: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, cell: CellConfig) -> None:
    assert execute(["replay", str(log)]) == 0
    assert "the same commands, bit for bit" in capsys.readouterr().out
    assert execute(["replay", str(log), "--bundle", "program:guided", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["exact"], found["differs_at"], found["actions"]) == (False, 0, True)
    with LogFile(tmp_path / "bare.log", {}):
        pass
    assert execute(["replay", str(tmp_path / "bare.log")]) == 2
    assert "no order in its header" in capsys.readouterr().err


def test_a_bundles_run_is_replayed_with_its_actions(bundle: Path, cell: CellConfig, tmp_path: Path) -> None:
    file = tmp_path / "cell.yaml"
    file.write_text(json.dumps({**cell.model_dump(), "cycle_time_limit_s": 0.4}))
    log = tmp_path / "bundle.log"
    assert execute(["run", str(bundle), "--cell", str(file), "--parts", "2", "--log", str(log), "--json"]) == 0
    assert replay(log, Supervised(cell, deploy(str(bundle), cell))).exact
