from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import JointCommand
from robocell_controller.guard.guard import Guard
from robocell_controller.messages import FarCommand
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.processes.drive_watch import DriveWatch
from robocell_envs.plant.simulated import SimulatedPlant

CELL = load(CellConfig, "cells", "pick_place")
LIMITS, TICK = CELL.load_robot().limits, CELL.rates.tick
PERIOD = round(1e9 * TICK)
LIFETIME = 3 * PERIOD
FOREVER = 2**62
MIDDLE = (LIMITS.lower + LIMITS.upper) / 2
STEP = 0.9 * LIMITS.acceleration * TICK  # of speed


class Rig:
    """A watch, and a controller that speeds all joints up."""

    def __init__(self) -> None:
        self.watch = DriveWatch(LIMITS, TICK)
        self.watch.hold(MIDDLE, np.zeros(7), 0.5)
        self.tick = 0
        self.commands: list[JointCommand] = []

    def pass_tick(
        self, command: JointCommand | None, permitted: int = FOREVER, sent: int | None = None
    ) -> JointCommand:
        now = self.tick * PERIOD
        sent = now if sent is None else sent
        order = FarCommand(self.tick + 1, sent, sent + LIFETIME, self.tick, command) if command else self.order
        self.order: FarCommand | None = order
        done = self.watch.step(order, self.tick, now, permitted)
        self.commands.append(done)
        self.tick += 1
        return done

    def faster(self) -> JointCommand:
        dq = np.minimum(self.watch.held.dq + STEP, 0.9 * LIMITS.velocity)
        return JointCommand(self.watch.held.q + TICK * dq, dq, -0.3)

    def speed_up(self, ticks: int = 5) -> None:
        for _ in range(ticks):
            command = self.faster()
            assert self.pass_tick(command) is command
        assert self.watch.fault == ""

    def assert_within_limits(self) -> None:
        q = np.array([MIDDLE, *(command.q for command in self.commands)])
        dq = np.diff(q, axis=0) / TICK
        ddq = np.diff(dq, axis=0) / TICK
        assert (np.abs(dq) <= LIMITS.velocity * (1 + 1e-6)).all()
        assert (np.abs(ddq) <= LIMITS.acceleration * (1 + 1e-6)).all()
        assert ((q >= LIMITS.lower) & (q <= LIMITS.upper)).all()


def test_before_the_first_command_the_drives_brake_and_wait() -> None:
    rig = Rig()
    rig.watch.hold(MIDDLE, STEP, 0.5)
    rig.order = None
    for _ in range(50):
        rig.pass_tick(None, permitted=0)
    assert rig.watch.stands()
    assert rig.watch.fault == ""
    rig.speed_up()
    assert not rig.watch.by_themselves
    assert rig.watch.followed == rig.tick


def test_one_missing_command_brakes_one_tick_and_is_forgiven() -> None:
    rig = Rig()
    rig.speed_up()
    before = rig.watch.held.dq
    rig.pass_tick(None)
    assert (rig.watch.held.dq < before).all()
    assert rig.watch.by_themselves
    rig.speed_up()
    assert rig.watch.braked == 1
    rig.assert_within_limits()


def test_without_commands_the_drives_stop_for_good_once_the_last_has_outlived_itself() -> None:
    rig = Rig()
    rig.speed_up()
    for _ in range(4):  # the last one was sent in the tick before these
        assert rig.watch.fault == ""
        rig.pass_tick(None)
    assert rig.watch.fault == "no command in time"
    for _ in range(100):
        rig.pass_tick(rig.faster())
    assert rig.watch.stands()
    rig.assert_within_limits()


def test_a_command_that_outlived_itself_on_the_way_is_not_followed() -> None:
    rig = Rig()
    rig.speed_up()
    command = rig.faster()
    assert rig.pass_tick(command, sent=rig.tick * PERIOD - LIFETIME) is not command


def test_a_command_for_another_tick_is_not_followed() -> None:
    rig = Rig()
    rig.speed_up()
    rig.tick += 1
    rig.pass_tick(None)
    assert rig.watch.by_themselves


def test_without_permission_the_drives_stop_for_good() -> None:
    rig = Rig()
    rig.speed_up()
    rig.pass_tick(rig.faster(), permitted=rig.tick * PERIOD)
    assert rig.watch.fault == "no permission to move"
    for _ in range(100):
        rig.pass_tick(rig.faster())
    assert rig.watch.stands()
    rig.assert_within_limits()


@pytest.mark.parametrize("wrong", ["jump", "nan", "too fast", "outside", "gripper"])
def test_a_command_outside_the_limits_is_refused_for_good(wrong: str) -> None:
    rig = Rig()
    rig.speed_up()
    command = rig.faster()
    if wrong == "jump":
        command.q[2] += 0.01
    elif wrong == "nan":
        command.q[6] = np.nan
    elif wrong == "too fast":
        command.q[:] = rig.watch.held.q + TICK * (rig.watch.held.dq + 1.2 * LIMITS.acceleration * TICK)
    elif wrong == "outside":
        command.q[0] = LIMITS.upper[0] + 0.1
    else:
        command.gripper = np.inf  # type: ignore[misc]
    assert rig.pass_tick(command) is not command
    assert rig.watch.fault == "command outside the limits"
    rig.assert_within_limits()


def test_at_full_speed_into_the_end_of_the_range_the_drives_stop_short_of_it() -> None:
    rig = Rig()
    for _ in range(300):
        rig.pass_tick(rig.faster())
    assert rig.watch.fault == "command outside the limits"
    assert rig.watch.stands()
    rig.assert_within_limits()
    nearest = np.minimum(LIMITS.upper - rig.watch.held.q, rig.watch.held.q - LIMITS.lower).min()
    assert 0 <= nearest < 0.02  # it lets pass what can still be stopped


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["fast", "none", "noise", "no permission"]), min_size=1, max_size=200), st.integers(0))
def test_whatever_comes_the_setpoints_stay_within_the_limits(kinds: list[str], seed: int) -> None:
    rig, stream = Rig(), np.random.default_rng(seed)
    rig.order = None
    for kind in kinds:
        if kind == "noise":
            dq = rig.watch.held.dq + stream.normal(0, 1.0, 7) * STEP
            rig.pass_tick(JointCommand(rig.watch.held.q + TICK * dq, dq, 0.0))
        else:
            rig.pass_tick(rig.faster() if kind == "fast" else None, 0 if kind == "no permission" else FOREVER)
    rig.assert_within_limits()


def test_left_alone_the_drives_take_the_way_that_the_guard_certified() -> None:
    guard = Guard(CELL.load_robot(), CELL.load_guard(), CELL.rates)
    plant, path = SimulatedPlant(CELL, seed=1), CELL.control_path()
    program = PickPlaceProgram(load_program_config("guided"), CELL.motion, CELL.rates, CELL.load_robot().gripper)
    plant.present()
    state = plant.read()
    path.reset(state.q, state.dq, 1.0)
    release = guard.begin(state.q, state.dq, 1.0)
    for _ in range(30):
        segment = path.command(program.act(path.view(plant.read()))).segment
        for q, dq in zip(segment.q, segment.dq, strict=True):
            release = guard.release(release, JointCommand(q, dq, segment.gripper))
            plant.write(release.command)
            watch = DriveWatch(LIMITS, TICK)
            watch.hold(release.setpoint.q, release.setpoint.dq, segment.gripper)
            way = [watch.step(None, 0, 0, FOREVER).q for _ in range(len(release.stop.q))]
            np.testing.assert_allclose(np.reshape(way, (-1, 7)), release.stop.q, atol=1e-9)
            assert watch.stands() or not len(release.stop.q)
    plant.close()
    assert release.reason == ""
