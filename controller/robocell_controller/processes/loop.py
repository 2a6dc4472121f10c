"""The control loop as a process of its own: it touches shared memory and nothing else while it ticks."""

from __future__ import annotations

import gc
import json
import resource
import signal
import sys
import time
from contextlib import closing

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import parse
from robocell_controller.errors import InputError
from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.run_log import Recorder
from robocell_controller.messages import FarState
from robocell_controller.order import Order
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.process import ready, refuse, say, wait_for
from robocell_controller.processes.remote_plant import RemotePlant
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.rights import ask, cores, no_collections
from robocell_controller.rollout.ordered import deployment
from robocell_controller.rollout.supervised import Supervised
from robocell_controller.signals import stop_signals
from robocell_controller.summary import Cycle
from robocell_controller.trust.unpickling import forbid_unpickling

PRIORITY = 50
_LEAD = 100_000_000  # ns to get from here to the first tick
_SWITCH = 0.0005  # s after which a thread that checks a bundle hands the interpreter to the loop
_WARM_UP = 300  # policy periods: by then caches and allocators have what they keep


def start(origin: int, period: int, now: int) -> int:
    """When the loop's first tick is due: a quarter of a period behind the plant's, which begin at ``origin``; ns.

    The plant publishes its state in less, and where it is late the loop waits for it, see
    :meth:`~robocell_controller.processes.remote_plant.RemotePlant.read`; so the loop has most of the period to answer.
    """
    first = origin + period // 4
    return first + max(0, -(-(now - first) // period)) * period


def warm_up(cell: CellConfig, acting: Supervised, layout: Layout) -> None:
    """Plays some periods that go nowhere: the first ones are slower."""
    if not wait_for(layout.words, Word.PLANT_BEAT):
        return
    content = layout.state.read()
    assert content is not None
    state, path = FarState.unpack(content).state, cell.control_path()
    path.reset(state.q, state.dq, 0.0)
    for _ in range(_WARM_UP):
        path.command(acting.warm_up(path, path.view(state)))


def main() -> None:
    """Runs the parts that it is asked for and says the summary."""
    forbid_unpickling()
    layout = Layout(SharedMemory(Layout.SIZE, int(sys.argv[1])))
    arguments = json.load(sys.stdin)
    order = Order(**arguments["order"])
    try:
        cell = parse(CellConfig, arguments["cell"], order.cell)
        acting = deployment(order, cell)
    except (InputError, OSError) as error:
        refuse(error)
        return
    with closing(acting), no_collections():  # the last one takes many ticks: before the first
        _run(cell, acting, order.parts, layout, arguments["record"])


def _run(cell: CellConfig, acting: Supervised, parts: int, layout: Layout, record: bool) -> None:
    words = layout.words
    warm_up(cell, acting, layout)
    sys.setswitchinterval(_SWITCH)
    ready(ask(PRIORITY, cores()[-1]))
    if not wait_for(words, Word.ORIGIN):
        return
    period = round(1e9 / cell.rates.controller_hz)
    clock = DeadlineClock(period, start=start(words[Word.ORIGIN], period, time.monotonic_ns() + _LEAD))
    recorder = Recorder(layout.frames.push) if record else None

    memory, interrupts = _Memory(words, parts), list[int]()

    def cycle_ended(cycle: Cycle) -> None:
        memory.count(cycle)
        acting.cycle_ended(cycle)

    loop = ControlLoop(cell, RemotePlant(layout, period), acting, clock, recorder, cycle_ended)

    def stop(number: int) -> None:
        interrupts.append(number)
        memory.end()
        loop.request_stop(signal.Signals(number).name)

    with stop_signals(stop):
        summary = loop.run(parts)
    told = acting.report(fault=bool(summary.stopped) and not interrupts)
    say({"summary": {**summary.as_json(), **told, "timing": memory.growth()}})


class _Memory:
    """Counts cycles, and what piles up in this process from the first one's end to the last one's, or to a stop."""

    def __init__(self, words: memoryview, parts: int) -> None:
        self._words, self._parts = words, parts
        self._begin: tuple[int, int, int] | None = None
        self._end: tuple[int, int, int] | None = None

    def count(self, _: Cycle) -> None:
        self._words[Word.CYCLES] += 1
        self._begin = self._begin or _used()
        if self._words[Word.CYCLES] == self._parts:
            self.end()

    def end(self) -> None:
        self._end = self._end or _used()

    def growth(self) -> dict[str, int]:
        """The collector's runs, blocks allocated and peak memory, KiB; nothing of a run that did not get there."""
        if self._begin is None or self._end is None:
            return {}
        names = ("collections", "blocks", "peak_kib")
        return {name: end - begin for name, begin, end in zip(names, self._begin, self._end, strict=True)}


def _used() -> tuple[int, int, int]:
    """Walks all of the allocator's pools: a millisecond where other processes have the caches."""
    collections = sum(generation["collections"] for generation in gc.get_stats())
    return collections, sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
