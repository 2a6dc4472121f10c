"""The tick: wait for it, read and check the sensors, send what the guard makes of a command, record both."""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array, CellState, JointCommand, Plant
from robocell_controller.guard.guard import Guard, Release
from robocell_controller.guard.state_check import ContactWatch, state_fault
from robocell_controller.latency import Latencies
from robocell_controller.loop.clock import Clock
from robocell_controller.loop.run_log import Recorder
from robocell_controller.machine.packml import Cause

_BEHIND, _LOST = 0.5, 3.0  # policy periods at full speed: a joint so far behind goes no farther ahead; ends the run.
# Between them lies what the hand is thrown back by a hard contact while the arm brakes: from there it may still leave.


class StopRun(Exception):  # noqa: N818 (an end of the run, not an error)
    """The run ends early; its message says why, ``cause`` in the machine's terms."""

    def __init__(self, cause: Cause, text: str) -> None:
        """Takes both."""
        super().__init__(text)
        self.cause = cause


class Ticker:
    """Between clock, plant and log; every command goes through the guard.

    The newest sensor values are ``state``; a command for them is sent next. ``released`` is what was sent last.
    """

    state: CellState

    def __init__(self, cell: CellConfig, plant: Plant, clock: Clock, recorder: Recorder | None) -> None:
        """Takes the plant, what paces its ticks, and what records them."""
        robot, self._bounds = cell.load_robot(), cell.load_guard()
        self._plant, self._clock, self._recorder = plant, clock, recorder
        self._guard = Guard(robot, self._bounds, cell.rates)
        self._contacts = ContactWatch(Kinematics(robot), self._bounds)
        # What a joint travels in a policy period at full speed. One that is farther from its last setpoint than half of
        # that is held by something, its drive is off, or its encoder is wrong. In free motion the simulated arm keeps
        # to 1.4 mrad.
        self._following = robot.limits.velocity * cell.rates.tick * cell.rates.ticks
        self._hz = cell.rates.controller_hz
        self.latencies = {name: Latencies() for name in ("inference", "tick", "wake")}
        self.released: Release | None = None
        self.ticks = 0
        self.energy_j = 0.0  # work of the joints, braking counted too
        self.gaps = 0
        self.stop_cause: str | None = None
        self._seen = self._answered = -1.0  # s, times of states
        self._fault = ""

    @property
    def plant_ticks(self) -> int:
        """Ticks of the plant up to ``state``."""
        return round(self.state.time * self._hz)

    def wait(self) -> None:
        """Waits for the next tick with new sensor values and reads them, unchecked.

        A tick whose values have been answered already is let pass: a late one before it took its place.

        Raises:
            PlantError: the plant has gone.
        """
        while True:
            self._late = self._clock.wait()
            self.latencies["wake"].add(self._late)
            self._begin = self._clock.now()
            self.read()
            if self.state.time > self._answered:
                return

    def read(self) -> None:
        """Reads the sensors again in this tick, and goes on from what the drives hold by themselves, if they do.

        Only a new state tells: from what an old one says the drives held, the loop has gone on already.
        """
        self.state, self._fault = self._plant.read(), ""
        before, self._seen = self._seen, self.state.time
        held = self.state.held
        if held is None or self.released is None or self._seen == before:
            return
        if np.isfinite([held.q, held.dq]).all():
            self.gaps += 1
            self.released = self._guard.resume(held, self.released.command.gripper)

    def check(self) -> None:
        """Looks at what is measured; a contact, or a joint that falls behind, makes the next command a stop.

        Raises:
            StopRun: a stop was asked for, a sensor value must not be acted on, or the arm does not follow.
        """
        if self.stop_cause:
            raise StopRun(Cause.OPERATOR_STOP, self.stop_cause)
        if fault := state_fault(self.state, self._plant.age(), self._bounds):
            raise StopRun(Cause.STATE_STALE if fault == "stale state" else Cause.STATE_INVALID, fault)
        if self.released is None:
            return
        ahead, going = self.released.setpoint.q - self.state.q, self.released.setpoint.dq
        error = np.abs(ahead)
        if (error > _LOST * self._following).any():
            joint = int(np.argmax(error / self._following))
            raise StopRun(Cause.NOT_FOLLOWING, f"joint {joint + 1} is {error[joint]:.3f} rad from its setpoint")
        if self._contacts.touches(self.state, self.released.setpoint):
            self._fault = "contact"
        elif ((error > _BEHIND * self._following) & (ahead * going > 0.0)).any():
            self._fault = "falling behind"

    def begin(self, gripper: float) -> None:
        """Bumpless: the guard starts where the joints are, or at what the drives hold.

        Raises:
            StopRun: the joints are outside their limits.
        """
        try:
            self.released = self._guard.begin(self.state.q, self.state.dq, gripper)
        except ValueError as error:
            raise StopRun(Cause.STATE_INVALID, str(error)) from error
        if self.state.held is not None:
            self.released = self._guard.resume(self.state.held, gripper)

    def send(self, wanted: JointCommand | None, reason: str = "", action: Array | None = None) -> str:
        """Answers ``state`` with what the guard makes of a command, after :meth:`begin`.

        Args:
            wanted: the command; None for the next step of the certified stop.
            reason: why it is not what policy or program asked for.
            action: the action behind it, in the first tick of its period.

        Returns:
            Why the guard sends something else; '' if it does not.
        """
        assert self.released is not None
        release = self._guard.release(self.released, wanted, self._fault or ("" if wanted else reason))
        self._plant.write(release.command)
        self._answered = self.state.time
        took = self._clock.now() - self._begin
        self.latencies["tick"].add(took)
        self.released = release
        work = float(np.abs(self.state.tau) @ np.abs(self.state.dq)) / self._hz
        self.energy_j += work if math.isfinite(work) else 0.0
        if self._recorder:
            times = (self._begin, self._late, took)
            self._recorder.tick(self.ticks, times, self.state, release.command, release.reason or reason, action)
        self.ticks += 1
        return release.reason

    def end(self) -> None:
        """Marks the end of the record."""
        if self._recorder:
            self._recorder.end()

    def event(self, name: str, **facts: object) -> None:
        """Records an event; the one way by which the loop does."""
        if self._recorder:
            self._recorder.event(name, self.ticks, **facts)
