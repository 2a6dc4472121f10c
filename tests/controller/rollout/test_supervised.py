from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robocell_controller.bundle.envelope import Envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.log_reader import Log, read_log
from robocell_controller.loop.loop import GIVEN_UP, ControlLoop
from robocell_controller.loop.periods import program_actor
from robocell_controller.loop.replay import replay
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.observer import BOUNDS
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.rollout.deployment import ABSENT, REPLACED
from robocell_controller.rollout.supervised import Supervised
from robocell_controller.summary import Cycle, RunSummary
from robocell_envs.plant.simulated import SimulatedPlant

ANYTHING, NOTHING = Envelope(-BOUNDS, BOUNDS), Envelope(2.0 * BOUNDS, 2.0 * BOUNDS)


@dataclass
class Stub:
    """A deployment of any function, with what it was told of its cycles."""

    decide: Callable[[ControlPath, View], Array]
    envelope: Envelope | None = ANYTHING
    told: list[str] = field(default_factory=list)

    def act(self, path: ControlPath, view: View) -> Array:
        return self.decide(path, view)

    warm_up = act

    def cycle_ended(self, cycle: Cycle) -> None:
        self.told.append(cycle.outcome)

    def report(self, fault: bool) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def guided(cell: CellConfig) -> Callable[[ControlPath, View], Array]:
    gripper = cell.load_robot().gripper
    return program_actor(PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, gripper))


@dataclass
class Ran:
    summary: RunSummary
    acted: dict[str, int]
    log: Log
    path: Path

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        return [(e["before"], e["after"], e["reason"]) for e in self.log.events if e["event"] == "change"]


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    """Runs a deployment under supervision, logged."""

    def run(cell: CellConfig, acting: Stub, parts: int = 1, seed: int = 3) -> Ran:
        supervised, plant = Supervised(cell, acting), SimulatedPlant(cell, seed=seed)
        path = tmp_path / "run.log"
        with LogFile(path, {"cell": cell.model_dump(), "order": {"parts": parts}}) as file:
            recorder = Recorder(file.append)
            loop = ControlLoop(cell, plant, supervised, FreeRunningClock(), recorder, supervised.cycle_ended)
            summary = loop.run(parts)
        plant.close()
        return Ran(summary, supervised.report(False)["acted"], read_log(path), path)

    yield run


def bounded(cell: CellConfig, tmp_path: Path, **bounds: Any) -> CellConfig:
    """The cell with other bounds of its guard."""
    file = tmp_path / "guard.yaml"
    file.write_text(json.dumps({**cell.load_guard().model_dump(), **bounds}))
    return cell.model_copy(update={"guard": str(file)})


def test_a_sound_policy_acts_alone_and_is_told_its_cycles(cell: CellConfig, drive: Callable[..., Ran]) -> None:
    acting = Stub(guided(cell))
    ran = drive(cell, acting, 3)
    assert (ran.summary.placed, ran.summary.interventions, ran.summary.stopped) == (3, {}, None)
    assert (ran.acted.keys(), ran.changes) == ({"policy"}, [])
    assert acting.told == ["placed"] * 3


def test_a_program_that_was_ordered_stays_one(cell: CellConfig, drive: Callable[..., Ran]) -> None:
    acting = Stub(guided(cell), envelope=None)
    ran = drive(cell, acting, 2)
    assert (ran.summary.placed, ran.acted.keys(), ran.changes) == (2, {"program"}, [])
    assert acting.told == ["placed"] * 2


def test_without_actions_the_program_places_the_parts(cell: CellConfig, drive: Callable[..., Ran]) -> None:
    acting = Stub(lambda path, view: np.full(5, np.nan))
    ran = drive(cell, acting, 3)
    assert (ran.summary.placed, ran.summary.stopped) == (3, None)
    assert ran.summary.interventions == {"action not finite": 6}
    assert [change[:2] for change in ran.changes] == [
        ("policy", "program"),
        ("program", "policy"),
        ("policy", "program"),
    ]
    assert acting.told == [REPLACED, ABSENT, REPLACED]
    assert replay(ran.path).exact
    assert replay(ran.path, Supervised(cell, Stub(acting.decide))).exact


def test_outside_what_it_has_learned_from_the_policy_is_replaced(cell: CellConfig, drive: Callable[..., Ran]) -> None:
    ran = drive(cell, Stub(lambda path, view: np.zeros(5), NOTHING))
    assert ran.summary.placed == 1
    assert ran.acted == {"policy": 3, "filtered": 5, "program": sum(ran.acted.values()) - 8}
    assert ran.changes[-1][1:] == ("program", "outside the training envelope")


def test_a_policy_that_gets_nowhere_is_replaced(cell: CellConfig, drive: Callable[..., Ran]) -> None:
    ran = drive(cell, Stub(lambda path, view: np.zeros(5)))
    assert ran.changes == [("policy", "program", "no progress")]


def test_the_filter_lets_pass_what_the_guard_lets_pass(
    cell: CellConfig, drive: Callable[..., Ran], tmp_path: Path
) -> None:
    """Towards the edge of a narrow box: refused, then filtered, then the program's turn."""
    narrow = bounded(cell, tmp_path, tcp_upper_m=[0.78, 0.3, 0.6])
    ran = drive(narrow, Stub(lambda path, view: np.array([0.0, 0.6, 0.2, 0.0, 1.0])))
    assert ran.changes[0][:2] == ("policy", "filtered")
    refused = narrow.load_guard().supervisor.filter_after
    assert sum(ran.summary.interventions.values()) == refused  # what is filtered needs no intervention
    tcp = narrow.control_path().kinematics.pose
    assert max(tcp(q).position[1] for q in ran.log.ticks["q_setpoint"]) <= 0.3
    assert replay(ran.path).exact


def test_where_the_program_may_not_go_either_the_part_is_given_up_and_after_a_few_the_machine_aborts(
    cell: CellConfig, drive: Callable[..., Ran], tmp_path: Path
) -> None:
    """The parts lie where the guard lets nobody go."""
    narrow = bounded(cell, tmp_path, tcp_lower_m=[0.2, 0.0, 0.006])
    ran = drive(narrow, Stub(guided(cell), envelope=None), 5)
    most = narrow.load_guard().supervisor.most_lost
    assert ran.summary.failures == {GIVEN_UP: most}
    assert [change[0] for change in ran.changes] == ["program", "home"] * most
    assert [change[1] for change in ran.changes] == [*["home", "program"] * (most - 1), "home", "stop"]
    assert ran.summary.stopped == "3 parts on end lost"
    states = [(event["state"], event.get("code")) for event in ran.log.events if event["event"] == "state"]
    assert states[-2:] == [("ABORTING", 8), ("ABORTED", 8)]
    assert not ran.log.ticks["dq_setpoint"][-1].any()
    assert replay(ran.path).exact
    assert replay(ran.path, Supervised(narrow, Stub(guided(cell), envelope=None))).exact


def test_from_a_part_that_is_given_up_the_arm_goes_home(
    cell: CellConfig, drive: Callable[..., Ran], tmp_path: Path
) -> None:
    narrow = bounded(cell, tmp_path, tcp_lower_m=[0.2, 0.0, 0.006])
    ran = drive(narrow, Stub(guided(cell), envelope=None), 2)
    home = np.flatnonzero(ran.log.ticks["reason"] == b"clearing")[-1]
    posture = narrow.control_path().kinematics.pose(ran.log.ticks["q_setpoint"][home])
    assert abs(posture.yaw) < 0.02
    assert posture.position[2] > 0.08


def test_an_arm_that_may_not_go_home_either_stops(cell: CellConfig, drive: Callable[..., Ran], tmp_path: Path) -> None:
    """From where it starts, the guard lets it go nowhere."""
    shut = bounded(cell, tmp_path, tcp_lower_m=[0.2, 0.0, 0.006], tcp_upper_m=[0.21, 0.01, 0.007])
    ran = drive(shut, Stub(guided(cell), envelope=None), 2)
    assert [change[:2] for change in ran.changes] == [("program", "home"), ("home", "stop")]
    assert ran.summary.stopped is not None
    assert ran.summary.stopped.startswith("the way home too: ")
