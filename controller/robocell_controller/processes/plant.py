"""The plant as a process of its own: it paces a simulated plant in real time and stands for the far side of a link.

After each tick it publishes the sensors; at the beginning of each it takes the latest command, if that may still be
followed. It needs nobody: without commands its drives brake, and without a parent it ends.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time

from robocell_controller.cell.config import CellConfig
from robocell_controller.cell.plants import make_plant
from robocell_controller.config import parse
from robocell_controller.contract import JOINTS, JointCommand, Plant
from robocell_controller.errors import InputError
from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.messages import FarCommand, FarState
from robocell_controller.order import Order
from robocell_controller.processes.drive_watch import DriveWatch
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.process import ready, refuse, wait_for
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.rights import ask, cores, no_collections
from robocell_controller.trust.unpickling import forbid_unpickling

PRIORITY = 55  # it stands for hardware, which does not wait for a controller
TRACE = struct.Struct(f"<3q{3 * JOINTS}d")  # tick, ns, whether the drives followed; setpoints q and dq, measured q


class PlantProcess:
    """Runs one plant behind shared memory, tick by tick."""

    def __init__(self, layout: Layout, plant: Plant, cell: CellConfig) -> None:
        """Brings the first part and publishes the first state; time does not pass yet."""
        self._layout, self._words, self._plant = layout, layout.words, plant
        robot = cell.load_robot()
        self._watch = DriveWatch(robot.limits, cell.rates.tick)
        plant.present()
        state = plant.read()
        self._watch.hold(state.q, state.dq, state.gripper_width / robot.gripper.stroke_m)
        self._presented, self._tick = 1, 0
        self._publish()

    def tick(self, now: int) -> None:
        """Lets one tick pass that begins at ``now``, ns; the stations work in what is left of it."""
        content = self._layout.command.read()
        order = FarCommand.unpack(content) if content else None
        # The stop switch acts here at once, without the guardian's round.
        permitted_until = 0 if self._words[Word.STOP] else self._words[Word.PERMITTED_UNTIL]
        command = self._watch.step(order, self._tick, now, permitted_until)
        self._plant.write(command)
        self._tick += 1
        self._publish()
        self._trace(now, command)
        if self._words[Word.PARTS_ASKED] > self._presented:
            self._plant.present()
            self._presented += 1
            self._publish()

    def done(self, parent: int) -> bool:
        """Whether nobody needs this process any more and the drives stand."""
        return self._watch.stands() and (bool(self._words[Word.END]) or os.getppid() != parent)

    def _publish(self) -> None:
        watch, state = self._watch, self._plant.read()
        state.held = watch.held if watch.by_themselves else None  # type: ignore[misc]
        outcome = self._plant.outcome() or ""
        now = time.monotonic_ns()
        numbers = (self._tick, now, watch.followed, self._presented, watch.braked)
        self._layout.state.write(FarState(*numbers, watch.fault, outcome, state).pack())
        self._words[Word.PLANT_BEAT] = now
        self._measured = state.q

    def _trace(self, now: int, command: JointCommand) -> None:
        numbers = (*command.q.tolist(), *command.dq.tolist(), *self._measured.tolist())
        trace = self._layout.trace
        if trace.full:
            trace.release(1)
        trace.push(TRACE.pack(self._tick, now, not self._watch.by_themselves, *numbers))


def main() -> None:
    """Runs until the run's end, or that of its parent."""
    forbid_unpickling()
    layout = Layout(SharedMemory(Layout.SIZE, int(sys.argv[1])))
    arguments = json.load(sys.stdin)
    order, words, parent = Order(**arguments["order"]), layout.words, os.getppid()
    try:
        cell = parse(CellConfig, arguments["cell"], order.cell)
        plant = make_plant(cell, order.cell, order.seed)
    except (InputError, OSError) as error:
        refuse(error)
        return
    process = PlantProcess(layout, plant, cell)
    period = round(1e9 / cell.rates.controller_hz)
    with no_collections():  # the last one takes many ticks: before the first
        ready(ask(PRIORITY, cores()[0]))
        if not wait_for(words, Word.GO):
            return
        words[Word.ORIGIN] = start = time.monotonic_ns() + period
        clock = DeadlineClock(period, start=start)
        while not process.done(parent):
            clock.wait()
            words[Word.PLANT_MISSED] = clock.overruns
            process.tick(clock.now())
    plant.close()


if __name__ == "__main__":
    main()
