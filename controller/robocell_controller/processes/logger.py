"""The logger as a process of its own: takes frames from shared memory and appends them to the run log.

It may be killed and started again at any moment: it cuts off a torn tail and goes on behind the last whole frame. It
ends where the file can't be written, on a full disk: then the run goes on, and says at its end why the log does not.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from pathlib import Path

from robocell_controller.files import add
from robocell_controller.loop.log_reader import read_log
from robocell_controller.loop.run_log import frame_number
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.process import ready
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.rights import Rights
from robocell_controller.trust.unpickling import forbid_unpickling

_PERIOD = 0.05  # s
_PATIENCE = 1.0  # s without a frame, once the parent is gone


class Appender:
    """Moves frames from the ring to the file, each once."""

    def __init__(self, layout: Layout, path: Path) -> None:
        """Opens a run log that exists, and repairs its tail."""
        log = read_log(path)
        os.truncate(path, log.size)
        self._file = path.open("ab", buffering=0)
        self._frames, self._words, self._last = layout.frames, layout.words, log.last
        self._words[Word.LOGGER_BEAT] = time.monotonic_ns()

    def move(self) -> int:
        """Appends what waits; how many frames. Room in the ring is given back only when they are in the file."""
        self._words[Word.LOGGER_BEAT] = time.monotonic_ns()
        frames = self._frames.waiting()
        add(self._file, b"".join(frame for frame in frames if frame_number(frame) > self._last))
        if frames:
            self._last = max(self._last, frame_number(frames[-1]))
            self._frames.release(len(frames))
        return len(frames)


def main() -> None:
    """Runs until the end of the run and of the frames."""
    forbid_unpickling()
    layout = Layout(SharedMemory(Layout.SIZE, int(sys.argv[1])))
    path = Path(json.load(sys.stdin)["path"])
    try:
        _log(layout, path)
    except OSError as error:
        layout.words[Word.LOG_FAULT] = error.errno or errno.EIO


def _log(layout: Layout, path: Path) -> None:
    parent = os.getppid()
    appender = Appender(layout, path)
    ready(Rights())
    moved = time.monotonic()
    while True:
        over = layout.words[Word.END]
        if appender.move():
            moved = time.monotonic()
        elif over or (os.getppid() != parent and time.monotonic() - moved > _PATIENCE):
            return
        time.sleep(_PERIOD)


if __name__ == "__main__":
    main()
