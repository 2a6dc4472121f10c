"""What lies where in the memory that the processes of a run share. Standard library only, for the guardian."""

from __future__ import annotations

from robocell_controller.processes.ring import Ring
from robocell_controller.processes.shared_memory import SharedMemory, Slot, Word

FRAME_SIZE = 2048  # bytes of the largest log frame
_MESSAGE_SIZE = 1024
_TRACE_SIZE = 256
_FRAMES = 4096  # half a minute of ticks at 125 Hz
_TRACES = 8192  # a minute


class Layout:
    """The pieces of one block.

    Attributes:
        words: see ``Word``.
        state: latest ``FarState`` of the plant.
        command: latest ``FarCommand`` of the controller.
        frames: log frames on their way to the logger.
        trace: the drives' own record of the last minute, see ``plant_process.TRACE``; to be read after the run.
    """

    SIZE = 2**24

    def __init__(self, memory: SharedMemory) -> None:
        """Every process makes its own on the same block."""
        self.words = memory.words(len(Word))
        self.state = Slot(memory, _MESSAGE_SIZE)
        self.command = Slot(memory, _MESSAGE_SIZE)
        self.frames = Ring(memory, _FRAMES, FRAME_SIZE)
        self.trace = Ring(memory, _TRACES, _TRACE_SIZE)
