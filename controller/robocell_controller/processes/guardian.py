"""The guardian: a process of its own that can only ever withdraw the drives' permission to move.

It watches the heartbeats of controller and plant and the stop switch. Permission is a time that it moves on every few
milliseconds, so it lapses by itself when the guardian dies; once withdrawn, it is gone for the run. Standard library
only: nothing that it does not need can fail in it.
"""

from __future__ import annotations

import os
import sys
import time

from robocell_controller.loop.clock import DeadlineClock
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.rights import ask

PERIOD = 4_000_000  # ns
PRIORITY = 60  # above those it watches
CAUSES = ("", "the stop switch", "the controller's heartbeat", "the plant's heartbeat", "the run's parent process")


def objection(words: memoryview, now: int, parent_lives: bool) -> int:
    """Index into ``CAUSES`` of why nothing may move; 0: nothing speaks against it."""
    lifetime = words[Word.LIFETIME]
    if words[Word.STOP]:
        return 1
    if now - words[Word.CONTROLLER_BEAT] > lifetime:
        return 2
    if now - words[Word.PLANT_BEAT] > lifetime:
        return 3
    return 0 if parent_lives else 4


def guard(words: memoryview, parent: int) -> None:
    """Permits from the first moment that nothing speaks against it, until something does or the run ends."""
    clock = DeadlineClock(PERIOD)
    while not words[Word.END]:
        clock.wait()
        now = time.monotonic_ns()
        cause = objection(words, now, os.getppid() == parent)
        if not cause:
            words[Word.PERMITTED_UNTIL] = now + words[Word.LIFETIME]
        elif words[Word.PERMITTED_UNTIL]:
            words[Word.WITHDRAWN] = cause
            words[Word.PERMITTED_UNTIL] = 1  # long ago
            return
        elif os.getppid() != parent:
            return


if __name__ == "__main__":
    from robocell_controller.processes.process import ready
    from robocell_controller.trust.unpickling import forbid_unpickling

    forbid_unpickling()
    layout = Layout(SharedMemory(Layout.SIZE, int(sys.argv[1])))
    parent = os.getppid()
    ready(ask(PRIORITY))
    guard(layout.words, parent)
