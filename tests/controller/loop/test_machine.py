from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array, CellState, JointCommand, PermitLost, PlantError, StopPressed
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.periods import program_actor
from robocell_controller.loop.production import kpis_of
from robocell_controller.loop.run_log import LogFile, Recorder
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.summary import RunSummary
from robocell_envs.plant.simulated import SimulatedPlant

START = ["STOPPED", "RESETTING", "IDLE", "STARTING", "EXECUTE"]
Spoil = Callable[[int, CellState], CellState]


class SpoiltPlant(SimulatedPlant):
    """Its sensors say what a function makes of them; it may bring no second part."""

    spoil: Spoil = staticmethod(lambda tick, state: state)
    parts = 99
    ticks = 0

    def present(self) -> None:
        self.parts -= 1
        if self.parts >= 0:
            super().present()

    def write(self, command: JointCommand) -> None:
        self.ticks += 1
        super().write(command)

    def read(self) -> CellState:
        return self.spoil(self.ticks, super().read())


@pytest.fixture
def drive(cell: CellConfig, tmp_path: Path) -> Callable[..., tuple[RunSummary, list[dict[str, Any]], Any]]:
    """Runs the guided program: the summary, the machine's states and the log."""

    def run(parts: int, spoil: Spoil | None = None, supply: int = 99) -> tuple[RunSummary, list[dict[str, Any]], Any]:
        plant = SpoiltPlant(cell, seed=3)
        plant.parts = supply
        if spoil:
            plant.spoil = spoil  # type: ignore[method-assign]
        gripper = cell.load_robot().gripper
        program = PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, gripper)
        with LogFile(tmp_path / "run.log", {}) as file:
            loop = ControlLoop(cell, plant, program_actor(program), FreeRunningClock(), Recorder(file.append))
            summary = loop.run(parts)
        plant.close()
        log = read_log(tmp_path / "run.log")
        return summary, [event for event in log.events if event["event"] == "state"], log

    return run


def test_an_order_goes_through_the_states_to_complete(cell: CellConfig, drive: Any) -> None:
    summary, states, log = drive(2)
    assert [event["state"] for event in states] == [*START, "COMPLETING", "COMPLETE"]
    kpis = summary.kpis
    assert (kpis["produced"], kpis["good"], kpis["quality"], kpis["availability"]) == (2, 2, 1.0, 1.0)
    assert kpis["state_s"]["execute"] == pytest.approx(summary.time_s)
    assert kpis["effectiveness"] == pytest.approx(2 * cell.planned_run_time_s / summary.time_s)
    assert kpis["oee"] == pytest.approx(kpis["effectiveness"])
    assert kpis["parts_per_hour"] == pytest.approx(summary.parts_per_hour)
    work = np.abs(log.ticks["tau"] * log.ticks["dq"]).sum() * cell.rates.tick
    assert kpis["energy_per_good_part_j"] == pytest.approx(work / 2)
    assert work > 1.0
    assert kpis_of(log.events, cell.planned_run_time_s) == kpis


def test_without_a_part_the_machine_is_suspended_then_stopped(drive: Any) -> None:
    summary, states, _ = drive(2, supply=1)
    assert [event["state"] for event in states] == [*START, "SUSPENDING", "SUSPENDED", "STOPPING", "STOPPED"]
    assert [event["cause"] for event in states[5:]] == ["STARVED"] * 4
    assert summary.stopped == "no part came"
    assert summary.kpis["availability"] < 0.6


def nan_torque(tick: int, state: CellState) -> CellState:
    return replace(state, tau=np.full(7, np.nan)) if tick >= 33 else state


def gone(tick: int, state: CellState) -> CellState:
    if tick >= 33:
        raise PlantError("the plant does not answer")
    return state


def unpermitted(tick: int, state: CellState) -> CellState:
    if tick >= 33:
        raise PermitLost("the drives stopped: no permission to move")
    return state


def pressed(tick: int, state: CellState) -> CellState:
    if tick >= 33:
        raise StopPressed("the drives stopped: no permission to move (the stop switch)")
    return state


@pytest.mark.parametrize(("spoil", "cause"), [(nan_torque, 6), (gone, 3), (unpermitted, 2), (pressed, 1)])
def test_a_fault_aborts_with_its_cause(drive: Any, spoil: Spoil, cause: int) -> None:
    summary, states, _ = drive(1, spoil)
    assert [(event["state"], event.get("code")) for event in states[4:]] == [
        ("EXECUTE", None),
        ("ABORTING", cause),
        ("ABORTED", cause),
    ]
    assert summary.kpis["oee"] == 0.0


def test_an_error_of_the_actor_stops_the_arm_and_is_not_hidden(cell: CellConfig, tmp_path: Path) -> None:
    def fail(path: ControlPath, view: View) -> Array:
        if plant.ticks >= 20:
            raise ZeroDivisionError("in the actor")
        return np.array([0.0, -0.4, 0.0, 0.0, 1.0])

    plant = SpoiltPlant(cell, seed=3)
    with LogFile(tmp_path / "run.log", {}) as file:
        loop = ControlLoop(cell, plant, fail, FreeRunningClock(), Recorder(file.append))
        with pytest.raises(ZeroDivisionError, match="in the actor"):
            loop.run(1)
    plant.close()
    log = read_log(tmp_path / "run.log")
    assert log.ticks["dq_setpoint"][19].any()
    assert not log.ticks["dq_setpoint"][-1].any()
    assert [event.get("cause") for event in log.events if event["event"] == "stop"] == [
        "ZeroDivisionError: in the actor"
    ]
    assert (log.events[-1]["state"], log.events[-1]["code"]) == ("ABORTED", 9)


def test_a_plant_that_was_never_there_has_no_figures(drive: Any) -> None:
    def absent(tick: int, state: CellState) -> CellState:
        raise PlantError("the plant has not started")

    summary, states, _ = drive(1, absent)
    assert (summary.kpis, states, summary.stopped) == (None, [], "the plant has not started")


def test_a_contact_stops_the_arm_and_lets_it_leave(drive: Any) -> None:
    def touched(tick: int, state: CellState) -> CellState:
        return replace(state, tau=state.tau + 40.0) if 40 <= tick < 60 else state

    summary, states, log = drive(1, touched)
    assert (summary.placed, summary.stopped) == (1, None)
    assert summary.interventions.keys() == {"contact"}
    contact = np.flatnonzero(log.ticks["reason"] == b"contact")
    assert contact[0] == 42  # the third tick on end
    assert states[-1]["state"] == "COMPLETE"
