"""A bounded queue in shared memory from one process to one other: never waits, and counts what it had to drop."""

from __future__ import annotations

import struct

from robocell_controller.processes.shared_memory import SharedMemory

_LENGTH = struct.Struct("<I")
_PUSHED, _POPPED, _DROPPED = range(3)  # words, each with one writer


class Ring:
    """Messages of up to ``size`` bytes, ``slots`` of them at most."""

    def __init__(self, memory: SharedMemory, slots: int, size: int) -> None:
        """Takes the next pieces of ``memory``."""
        self._counters = memory.words(3)
        self._slots = [memory.piece(_LENGTH.size + size) for _ in range(slots)]

    @property
    def dropped(self) -> int:
        """Messages that found no room."""
        return int(self._counters[_DROPPED])

    @property
    def full(self) -> bool:
        """Whether there is no room for another message."""
        return bool(self._counters[_PUSHED] - self._counters[_POPPED] >= len(self._slots))

    def push(self, message: bytes) -> None:
        """The producer's: adds a message, or counts it as dropped when the ring is full.

        A message counts only once it is whole: what a dying producer leaves half written is never seen.
        """
        if self.full:
            self._counters[_DROPPED] += 1
            return
        pushed = self._counters[_PUSHED]
        slot = self._slots[pushed % len(self._slots)]
        _LENGTH.pack_into(slot, 0, len(message))
        slot[_LENGTH.size : _LENGTH.size + len(message)] = message
        self._counters[_PUSHED] = pushed + 1

    def waiting(self) -> list[bytes]:
        """The consumer's: all messages that wait, oldest first; they stay until :meth:`release`."""
        return [self._message(index) for index in range(self._counters[_POPPED], self._counters[_PUSHED])]

    def release(self, count: int) -> None:
        """The consumer's: gives back the room of the ``count`` oldest messages."""
        self._counters[_POPPED] += count

    def _message(self, index: int) -> bytes:
        slot = self._slots[index % len(self._slots)]
        (length,) = _LENGTH.unpack_from(slot)
        return bytes(slot[_LENGTH.size : _LENGTH.size + length])
