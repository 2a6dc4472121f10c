"""The near side of a link to a plant in another process: the ``Plant`` that the loop drives in real time."""

from __future__ import annotations

import time

from robocell_controller.contract import CellState, JointCommand, PermitLost, PlantError, StopPressed
from robocell_controller.messages import FarCommand, FarState
from robocell_controller.processes.drive_watch import NO_PERMISSION
from robocell_controller.processes.guardian import CAUSES
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.shared_memory import Word

_POLL = 0.0001  # s
_WAIT = 0.5  # periods that a state may come late without costing the tick


class RemotePlant:
    """Commands by shared memory; each answers one state and is for the tick after it."""

    def __init__(self, layout: Layout, period: int) -> None:
        """The plant behind ``layout`` must have published its first state; ``period`` of a tick, ns."""
        self._bearable = round(_WAIT * period)
        self._layout, self._words = layout, layout.words
        self._lifetime = layout.words[Word.LIFETIME]
        self._sequence = 0
        self._answered = -1
        self._asked = 0

    def read(self) -> CellState:
        """The state after the tick of the last command; where the plant is late for it, the one before once more.

        Raises:
            PlantError: nothing new for too long, or the drives have stopped for good.
        """
        until = time.monotonic_ns() + self._bearable
        while (far := self._newest()).tick <= self._answered and time.monotonic_ns() < until:
            time.sleep(_POLL)
        self._far = far
        self._words[Word.CONTROLLER_BEAT] = time.monotonic_ns()
        why = CAUSES[self._words[Word.WITHDRAWN]]
        if fault := far.fault or (why and NO_PERMISSION):  # drives that have not begun to move have no fault
            raise self._kind(fault, why)(f"the drives stopped: {fault}{f' ({why})' if why else ''}")
        if time.monotonic_ns() - far.stamp > self._lifetime:
            raise PlantError("the plant does not answer")
        return far.state

    def age(self) -> float:
        """Since the plant published the state that was read last, s."""
        return (time.monotonic_ns() - self._far.stamp) * 1e-9

    def write(self, command: JointCommand) -> None:
        """Sends the command for the tick after the state that was read last."""
        now = time.monotonic_ns()
        self._sequence += 1
        self._answered = self._far.tick
        order = FarCommand(self._sequence, now, now + self._lifetime, self._answered, command)
        self._layout.command.write(order.pack())

    def present(self) -> None:
        """Asks for a part; the first one is there from the start."""
        self._asked += 1
        self._words[Word.PARTS_ASKED] = self._asked

    def outcome(self) -> str | None:
        """The stations' word as of the state that was read last."""
        return self._far.outcome or None

    def close(self) -> None:
        """Nothing: the plant goes on without a controller, and stands."""

    def _kind(self, fault: str, why: str) -> type[PlantError]:
        if self._words[Word.STOP]:
            return StopPressed
        return PermitLost if why or fault == NO_PERMISSION else PlantError

    def _newest(self) -> FarState:
        content = self._layout.state.read()
        if content is None:
            raise PlantError("the plant has not started")
        return FarState.unpack(content)
