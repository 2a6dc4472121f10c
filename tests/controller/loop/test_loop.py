from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array, CellState, JointCommand, Segment, Setpoint
from robocell_controller.guard.supervisor import Period
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.periods import Actor, policy_actor, program_actor, setpoint_after
from robocell_controller.loop.replay import replay
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.summary import Cycle, RunSummary
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.simulated import SimulatedPlant
from robocell_envs.scene.scenario import Scenario


class RecordingPlant(SimulatedPlant):
    """Remembers its commands; may start from a given scenario, and may spoil what its sensors say."""

    scenario_to_load: Scenario | None = None
    spoil: Callable[[int, CellState], CellState] = staticmethod(lambda tick, state: state)

    def present(self) -> None:
        self.commands: list[JointCommand] = getattr(self, "commands", [])
        if self.scenario_to_load is None:
            super().present()
        else:
            self.load(self.scenario_to_load)

    def write(self, command: JointCommand) -> None:
        self.commands.append(command)
        super().write(command)

    def read(self) -> CellState:
        return type(self).spoil(len(self.commands), super().read())


@pytest.fixture
def plant(cell: CellConfig) -> Iterator[RecordingPlant]:
    plant = RecordingPlant(cell, seed=3)
    yield plant
    plant.close()


@pytest.fixture
def guided(cell: CellConfig) -> Actor:
    gripper = cell.load_robot().gripper
    return program_actor(PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, gripper))


def idle(path: ControlPath, view: View) -> Array:
    return np.zeros(5)


def push(path: ControlPath, view: View) -> Array:
    return np.array([0.0, 0.4, 0.0, 0.0, 1.0])


class WatchedPush:
    """Pushes, and keeps what it is told of its periods."""

    def __init__(self) -> None:
        self.told: list[Period] = []

    def __call__(self, path: ControlPath, view: View) -> Array:
        return push(path, view)

    def ended(self, period: Period) -> None:
        self.told.append(period)


def run(cell: CellConfig, plant: RecordingPlant, actor: Actor, parts: int = 1, **more: Any) -> RunSummary:
    return ControlLoop(cell, plant, actor, FreeRunningClock(), **more).run(parts)


def assert_within_limits(cell: CellConfig, records: Any) -> None:
    """``records``: the whole log of a run that began where the first record's joints were measured, in motion."""
    limits, tick = cell.load_robot().limits, cell.rates.tick
    q = np.concatenate([records["q"][:1], records["q_setpoint"]])
    dq = np.diff(q, axis=0) / tick
    ddq = np.diff(dq, axis=0) / tick
    assert (q >= limits.lower).all()
    assert (q <= limits.upper).all()
    assert (np.abs(dq) <= limits.velocity * (1 + 1e-6)).all()
    assert (np.abs(ddq) <= limits.acceleration * (1 + 1e-6)).all()


def test_part_after_part_within_the_limits_and_logged(
    cell: CellConfig, plant: RecordingPlant, guided: Actor, tmp_path: Path
) -> None:
    cycles: list[Cycle] = []
    with LogFile(tmp_path / "run.log", {}) as log:
        summary = run(cell, plant, guided, 2, recorder=Recorder(log.append), on_cycle=cycles.append)
    assert (summary.parts, summary.placed, summary.failures) == (2, 2, {})
    assert (summary.interventions, summary.overruns, summary.stopped) == ({}, 0, None)
    assert [cycle.outcome for cycle in cycles] == ["placed", "placed"]
    records = read_log(tmp_path / "run.log").ticks
    assert records["tick"].tolist() == list(range(len(plant.commands)))
    np.testing.assert_array_equal(records["q_setpoint"], [command.q for command in plant.commands])
    assert_within_limits(cell, records)
    assert set(records["cycle"]) == {0, 1}
    decisions = np.isfinite(records["action"]).all(axis=1)
    assert np.flatnonzero(decisions).tolist() == list(range(0, len(records), cell.rates.ticks))
    assert summary.time_s == pytest.approx(len(records) * cell.rates.tick)
    assert sum(cycle.time_s for cycle in cycles) == pytest.approx(summary.time_s)
    assert summary.parts_per_hour == pytest.approx(2 * 3600 / summary.time_s)


def test_a_new_part_does_not_jolt_the_arm(cell: CellConfig, plant: RecordingPlant) -> None:
    plant.present()
    path = cell.control_path()
    path.reset(plant.truth.q, plant.truth.dq, 1.0)
    for _ in range(5):
        segment = path.command(np.array([0.2, -0.4, 0.2, 0.0, 1.0])).segment
        for q, dq in zip(segment.q, segment.dq, strict=True):
            plant.write(JointCommand(q, dq, segment.gripper))
    before = plant.truth
    plant.present()
    assert np.abs(before.dq).max() > 0.3
    np.testing.assert_allclose(plant.truth.q, before.q, atol=1e-9)
    np.testing.assert_allclose(plant.truth.dq, before.dq, atol=1e-9)
    assert plant.read().cycle == 1


def test_env_and_loop_send_the_same_setpoints_for_the_same_actions(cell: CellConfig, plant: RecordingPlant) -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 5)).astype(np.float32)
    env = PickPlaceEnv(cell)
    segments: list[Segment] = []
    play = env.plant.play
    env.plant.play = lambda segment: (segments.append(segment), play(segment))[1]  # type: ignore[method-assign]
    env_observations = [env.reset(seed=11)[0]] + [env.step(action)[0] for action in actions]

    plant.scenario_to_load = env.plant.scenario
    observations: list[Array] = []

    class Replay:
        def act(self, observation: Array) -> Array:
            observations.append(observation)
            if len(observations) > len(actions):
                loop.request_stop("end of the actions")
                return np.zeros(5, np.float32)
            return actions[len(observations) - 1]

    loop = ControlLoop(cell, plant, policy_actor(Replay()), FreeRunningClock())  # type: ignore[arg-type]
    assert loop.run(1).stopped == "end of the actions"
    env.close()
    sent = plant.commands[: len(actions) * cell.rates.ticks]
    np.testing.assert_array_equal([c.q for c in sent], np.concatenate([segment.q for segment in segments]))
    np.testing.assert_array_equal([c.dq for c in sent], np.concatenate([segment.dq for segment in segments]))
    assert [c.gripper for c in sent[:: cell.rates.ticks]] == [segment.gripper for segment in segments]
    np.testing.assert_array_equal(observations[: len(actions)], env_observations[:-1])


def test_a_cycle_without_an_outcome_ends_at_the_time_limit_and_the_hand_is_cleared(
    cell: CellConfig, plant: RecordingPlant, tmp_path: Path
) -> None:
    short = cell.model_copy(update={"cycle_time_limit_s": 0.4})
    with LogFile(tmp_path / "run.log", {}) as log:
        summary = run(short, plant, idle, 2, recorder=Recorder(log.append))
    assert summary.failures == {"time_limit": 2}
    assert (summary.parts, summary.placed, summary.cycle_time_s) == (2, 0, None)
    records = read_log(tmp_path / "run.log").ticks
    clearing = records[records["reason"] == b"clearing"]
    tcp = cell.control_path().kinematics.pose
    heights = [tcp(q).position[2] for q in clearing["q_setpoint"]]
    assert set(clearing["cycle"]) == {0}  # not after the last part
    assert max(heights) - heights[0] > 0.02
    assert_within_limits(cell, records)


def test_after_a_failure_the_arm_comes_home_even_from_a_wound_up_wrist(
    cell: CellConfig, plant: RecordingPlant, tmp_path: Path
) -> None:
    with LogFile(tmp_path / "run.log", {}) as log:
        wind = np.array([0.3, -0.2, -0.3, 1.0, -1.0])
        run(cell, plant, lambda path, view: wind, 2, recorder=Recorder(log.append))
    records = read_log(tmp_path / "run.log").ticks
    first = records[records["cycle"] == 0]
    clearing = first["reason"] == b"clearing"
    tcp = cell.control_path().kinematics.pose
    assert abs(tcp(first[~clearing]["q_setpoint"][-1]).yaw) > 1.0
    home = tcp(first[clearing]["q_setpoint"][-1])
    assert abs(home.yaw) < 0.03
    assert home.position[2] == pytest.approx(0.105, abs=0.02)
    assert_within_limits(cell, records)


def nan_torque(tick: int, state: CellState) -> CellState:
    return replace(state, tau=np.full(7, np.nan)) if tick == 33 else state


def nan_tracker(tick: int, state: CellState) -> CellState:
    return replace(state, part_position=np.array([0.5, np.inf, 0.0])) if tick == 33 else state


def stuck_encoder(tick: int, state: CellState) -> CellState:
    return replace(state, q=STUCK) if tick else state


STUCK = np.zeros(7)


@pytest.mark.parametrize(
    ("spoil", "cause", "tick"),
    [
        (nan_torque, "sensor not finite", 33),
        (nan_tracker, "sensor not finite", 33),
        (stuck_encoder, "rad from its setpoint", 1),
    ],
)
def test_a_fault_stops_the_arm_within_its_limits_and_says_why(
    cell: CellConfig,
    plant: RecordingPlant,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Any,
    cause: str,
    tick: int,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(RecordingPlant, "spoil", staticmethod(spoil))
    with LogFile(tmp_path / "run.log", {}) as log:
        summary = run(cell, plant, push, 3, recorder=Recorder(log.append))
    assert summary.stopped is not None
    assert cause in summary.stopped
    assert summary.parts == 0
    records = read_log(tmp_path / "run.log").ticks
    stopping = records["reason"] == b"stopping"
    assert (np.flatnonzero(stopping) >= tick).all()
    assert not plant.commands[-1].dq.any()
    assert_within_limits(cell, records)


@pytest.mark.parametrize(("lag", "refused"), [(0.07, True), (-0.07, False), (0.04, False)])
def test_a_joint_that_falls_behind_goes_no_farther_but_may_come_back(
    cell: CellConfig, plant: RecordingPlant, monkeypatch: pytest.MonkeyPatch, lag: float, refused: bool
) -> None:
    """The base joint turns to the left, and is said to be to the right or to the left of where it is told to be."""

    def held(tick: int, state: CellState) -> CellState:
        return replace(state, q=state.q - lag * np.eye(7)[0]) if tick > 3 else state

    monkeypatch.setattr(RecordingPlant, "spoil", staticmethod(held))
    summary = run(cell.model_copy(update={"cycle_time_limit_s": 0.4}), plant, push)
    assert summary.stopped is None
    assert set(summary.interventions) == ({"falling behind"} if refused else set())
    turned = plant.commands[-1].q[0] - plant.commands[0].q[0]
    assert (turned < 0.03) == refused


def test_a_stop_that_is_asked_for_comes_at_once(cell: CellConfig, plant: RecordingPlant) -> None:
    def ask(path: ControlPath, view: View) -> Array:
        if len(plant.commands) == 20:
            loop.request_stop("SIGINT")
        return push(path, view)

    loop = ControlLoop(cell, plant, ask, FreeRunningClock())
    summary = loop.run(1)
    assert summary.stopped == "SIGINT"
    assert len(plant.commands) < 20 + 60
    assert not plant.commands[-1].dq.any()


def test_periods_begin_on_the_grid_of_the_plants_clock(cell: CellConfig, plant: RecordingPlant, tmp_path: Path) -> None:
    plant.present()
    state = plant.read()
    for _ in range(3):  # its clock runs before the loop does
        plant.write(JointCommand(state.q, np.zeros(7), 1.0))
    plant.present = lambda: None  # type: ignore[method-assign]
    short = cell.model_copy(update={"cycle_time_limit_s": 0.4})
    with LogFile(tmp_path / "run.log", {}) as log:
        run(short, plant, push, recorder=Recorder(log.append))
    records = read_log(tmp_path / "run.log").ticks
    decided = records["time"][records["decided"] >= 0] * cell.rates.controller_hz
    assert decided.round(6).tolist() == [3, *range(5, 50, 5)]
    assert_within_limits(cell, records)


def test_a_segment_cut_short_leads_where_the_kernel_says(cell: CellConfig) -> None:
    path, stream = cell.control_path(), np.random.default_rng(0)
    path.reset(np.array(cell.load_robot().rest_posture_rad), np.zeros(7), 1.0)
    for _ in range(20):
        before = path.setpoint
        verdict = path.command(stream.uniform(-0.3, 0.3, 5))
        after = setpoint_after(before, verdict.segment.q, cell.rates.tick)
        for name in ("q", "dq", "ddq"):
            np.testing.assert_allclose(getattr(after, name), getattr(verdict.setpoint, name), atol=1e-8)


def test_what_the_drives_hold_by_themselves_is_where_the_loop_goes_on(
    cell: CellConfig, plant: RecordingPlant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limits, tick = cell.load_robot().limits, cell.rates.tick
    write = RecordingPlant.write

    def write_late(self: RecordingPlant, command: JointCommand) -> None:
        """In tick 33 the command comes too late, and the drives brake."""
        if len(self.commands) == 33:
            last, before = self.commands[-1], self.commands[-2]
            speed = (last.q - before.q) / tick
            slower = np.sign(speed) * np.maximum(np.abs(speed) - limits.acceleration * tick, 0.0)
            command = JointCommand(last.q + tick * slower, slower, last.gripper)
            self.held = Setpoint(command.q, slower, (slower - speed) / tick)
        else:
            self.held = None
        write(self, command)

    monkeypatch.setattr(RecordingPlant, "write", write_late)
    monkeypatch.setattr(
        RecordingPlant, "read", lambda self: replace(SimulatedPlant.read(self), held=getattr(self, "held", None))
    )
    short = cell.model_copy(update={"cycle_time_limit_s": 0.6})
    watched = WatchedPush()
    with LogFile(tmp_path / "run.log", {"cell": short.model_dump(), "order": {"parts": 1}}) as log:
        summary = run(short, plant, watched, recorder=Recorder(log.append))
    assert (summary.gaps, summary.stopped) == (1, None)
    assert [period.missing for period in watched.told] == [False] * 6 + [True] + [False] * (len(watched.told) - 7)
    assert [period.lost for period in watched.told] == [False] * (len(watched.told) - 1) + [True]  # out of time
    q = np.array([command.q for command in plant.commands])
    ddq = np.diff(q, n=2, axis=0) / tick**2
    assert (np.abs(ddq) <= limits.acceleration * (1 + 1e-6)).all()
    records = read_log(tmp_path / "run.log").ticks
    assert np.flatnonzero(records["decided"] >= 0)[6:9].tolist() == [30, 34, 35]  # at once, then on the grid again
    assert replay(tmp_path / "run.log").exact


def test_an_action_that_is_not_finite_is_counted_as_an_intervention(cell: CellConfig, plant: RecordingPlant) -> None:
    short = cell.model_copy(update={"cycle_time_limit_s": 0.4})
    summary = run(short, plant, lambda path, view: np.full(5, np.nan))
    assert summary.interventions == {"action not finite": 10}
