"""How long the cores stand still for everybody, next to a measurement in real time.

On each core a process with the highest real-time priority looks at the clock every millisecond. What makes that one
late is the machine itself, or the host of a virtual one: no other process can, and no loop on this core can do better.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from robocell_controller.loop.clock import system_sleep
from robocell_controller.rights import ask, cores

_PRIORITY = 98  # 99 is the kernel's own
_LOOK = 1_000_000  # ns
_STALL = 2_000_000  # ns; a quarter of a tick at 125 Hz
_CODE = "from robocell_agents.bench.stalls import main; main({})"


@contextmanager
def stalls_watched() -> Iterator[list[dict[str, Any]]]:
    """Watches each core while the context lasts; the list is filled at its end, see :func:`watch`."""
    found: list[dict[str, Any]] = []
    commands = [[sys.executable, "-c", _CODE.format(core)] for core in cores()]
    watchers = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    try:
        yield found
    finally:
        for process in watchers:
            process.terminate()
            told, _ = process.communicate()
            found.extend(json.loads(line) for line in told.splitlines())


def main(core: int) -> None:
    """Watches one core until it is terminated, and says what it saw; nothing without the priority for it."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    if ask(_PRIORITY, core).core == core:
        gc.disable()
        print(json.dumps(watch(core, ended)), flush=True)


def watch(core: int, ended: list[int]) -> dict[str, Any]:
    """What is seen until ``ended`` has an entry or the parent has gone.

    Returns:
        ``core``; ``looks``; ``stalls``: those of more than 2 ms; ``longest_us``: the latest look of all.
    """
    sleep, parent = system_sleep(), os.getppid()
    due, looks, stalls, longest = time.monotonic_ns(), 0, 0, 0
    while not ended and os.getppid() == parent:
        due = max(due + _LOOK, time.monotonic_ns())
        sleep(due)
        late = time.monotonic_ns() - due
        looks, stalls, longest = looks + 1, stalls + (late > _STALL), max(longest, late)
    return {"core": core, "looks": looks, "stalls": stalls, "longest_us": 1e-3 * longest}
