"""Memory that the processes of a run share: single words, and slots that hold the latest message of one writer.

The memory has no name: processes get it by file descriptor, and it is gone when the last of them is, however that
ends. Nothing here waits for another process. Standard library only, for the guardian.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from enum import IntEnum, auto


class Word(IntEnum):
    """The words, 64 bits each, written whole; times are of ``time.monotonic_ns``. Each has one writer."""

    GO = 0  # launcher: all processes are ready
    STOP = auto()  # launcher: drives stop now
    END = auto()  # launcher: the run is over
    LIFETIME = auto()  # launcher: ns after which a command, a heartbeat or a permission is too old
    ORIGIN = auto()  # plant: time of its first tick
    PLANT_BEAT = auto()
    PLANT_MISSED = auto()  # plant: deadlines it missed
    CONTROLLER_BEAT = auto()
    CYCLES = auto()  # controller: parts it is through with
    PARTS_ASKED = auto()  # controller: parts it asked the stations for
    PERMITTED_UNTIL = auto()  # guardian: the drives may move until then
    WITHDRAWN = auto()  # guardian: why permission is gone, index into guardian.CAUSES
    LOGGER_BEAT = auto()
    LOG_FAULT = auto()  # logger: errno of what keeps it from writing on


_HEADER = struct.Struct("<II")  # checksum and length of a slot's message
_TRIES = 100


class SharedMemory:
    """One block of shared memory, handed out piece by piece: every process asks for the same pieces in turn."""

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        """Makes a block of ``size`` bytes, or maps the one behind a ``descriptor`` that was inherited."""
        if descriptor is None:
            descriptor = os.memfd_create("robocell", 0)
            os.ftruncate(descriptor, size)
        self.descriptor = descriptor
        self._memory = memoryview(mmap.mmap(descriptor, size))
        self._used = 0

    def close(self) -> None:
        """Gives back the descriptor; the pieces stay readable."""
        os.close(self.descriptor)

    def piece(self, size: int) -> memoryview:
        """The next ``size`` bytes, aligned to words."""
        start = self._used
        self._used += -(-size // 8) * 8
        return self._memory[start : start + size]

    def words(self, count: int) -> memoryview:
        """The next ``count`` words of 64 bits; reading or writing one is a single access."""
        return self.piece(8 * count).cast("q")


class Slot:
    """The latest message of one writer. A reader gets a whole one, even if the writer was killed while writing."""

    def __init__(self, memory: SharedMemory, size: int) -> None:
        """Takes the next piece of ``memory``, for messages of up to ``size`` bytes."""
        self._sequence = memory.words(1)
        self._buffers = [memory.piece(_HEADER.size + size) for _ in range(2)]

    def write(self, message: bytes) -> None:
        """Publishes a message: into the buffer that readers don't look at, then turns to it."""
        sequence = self._sequence[0] + 1
        buffer = self._buffers[sequence % 2]
        end = _HEADER.size + len(message)
        buffer[_HEADER.size : end] = message
        _HEADER.pack_into(buffer, 0, _checksum(message, sequence), len(message))
        self._sequence[0] = sequence

    def read(self) -> bytes | None:
        """The latest message, None before the first.

        Raises:
            OSError: damaged; not a matter of timing, for which it tries again.
        """
        for _ in range(_TRIES):
            sequence = self._sequence[0]
            if sequence == 0:
                return None
            buffer = self._buffers[sequence % 2]
            checksum, length = _HEADER.unpack_from(buffer)
            message = bytes(buffer[_HEADER.size : _HEADER.size + length])
            if _checksum(message, sequence) == checksum:
                return message
        raise OSError("shared memory: a message with a wrong checksum")


def _checksum(message: bytes, sequence: int) -> int:
    """Over the sequence too, so that a buffer that is being written again does not pass for the one before."""
    return zlib.crc32(message, sequence & 0xFFFFFFFF)
