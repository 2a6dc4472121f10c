"""The tick: wait for it, read and check the sensors, send a command, record both."""

from __future__ import annotations

import numpy as np

from robocell_controller.cell import CellConfig
from robocell_controller.clock import Clock
from robocell_controller.contract import Array, CellState, JointCommand, Plant
from robocell_controller.latency import Latencies
from robocell_controller.run_log import Recorder


class StopRun(Exception):  # noqa: N818 (an end of the run, not an error)
    """The run ends early; its message is the cause."""


class Ticker:
    """Between clock, plant and log. The newest sensor values are ``state``; a command for them is sent next."""

    state: CellState

    def __init__(self, cell: CellConfig, plant: Plant, clock: Clock, recorder: Recorder | None) -> None:
        """Takes the plant, what paces its ticks, and what records them."""
        limits = cell.load_robot().limits
        self._plant, self._clock, self._recorder = plant, clock, recorder
        # An arm farther from its last setpoint than it travels in a policy period at full speed does not follow:
        # something holds it, a drive is off, or an encoder is wrong. In free motion the simulated arm keeps to
        # 1.4 mrad.
        self._following = limits.velocity * cell.rates.tick * cell.rates.ticks
        self._hz = cell.rates.controller_hz
        self.latencies = {name: Latencies() for name in ("inference", "tick", "wake")}
        self.sent: JointCommand | None = None
        self.ticks = 0
        self._answered = -1.0
        self.gaps = 0
        self.stop_cause: str | None = None

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
        """Reads the sensors again in this tick."""
        self.state = state = self._plant.read()
        if state.held is not None and self.sent is not None:
            self.gaps += 1
            self.sent = JointCommand(state.held.q, state.held.dq, self.sent.gripper)

    def check(self) -> None:
        """Certifies again on what is measured.

        Raises:
            StopRun: a stop was asked for, a sensor is not finite, or the arm does not follow.
        """
        if self.stop_cause:
            raise StopRun(self.stop_cause)
        if not _finite(self.state):
            raise StopRun("a sensor value is not finite")
        if self.sent is None:
            return
        error = np.abs(self.state.q - self.sent.q)
        if (error > self._following).any():
            joint = int(np.argmax(error / self._following))
            raise StopRun(f"joint {joint + 1} is {error[joint]:.3f} rad from its setpoint")

    def send(self, command: JointCommand, reason: str = "", action: Array | None = None) -> None:
        """The command that answers ``state``; with why it is not what was asked for, and the action behind it."""
        self._plant.write(command)
        self._answered = self.state.time
        took = self._clock.now() - self._begin
        self.latencies["tick"].add(took)
        self.sent = command
        if self._recorder:
            times = (self._begin, self._late, took)
            self._recorder.tick(self.ticks, times, self.state, command, reason, action)
        self.ticks += 1

    def event(self, name: str, **facts: object) -> None:
        """Records an event; the one way by which the loop does."""
        if self._recorder:
            self._recorder.event(name, self.ticks, **facts)


def _finite(state: CellState) -> bool:
    numbers = (state.gripper_width, state.gripper_effort, state.part_yaw, state.part_age, state.slot_yaw)
    recipe = (state.part.width, state.part.height, state.part.crush_force, state.belt_travel)
    arrays = (state.q, state.dq, state.tau, state.part_position, state.slot_position, recipe)
    return bool(np.isfinite(np.concatenate([numbers, *arrays])).all())
