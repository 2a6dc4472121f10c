"""What a process may ask of the system for the sake of its timing, what it was granted, and what follows from that."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_MCL_CURRENT, _MCL_FUTURE = 1, 2


@dataclass(frozen=True, slots=True)
class Rights:
    """What was granted.

    Attributes:
        fifo: priority under SCHED_FIFO; 0: scheduled like everybody else.
        core: the only core it runs on; -1: any.
        locked: all its memory stays in RAM.
    """

    fifo: int = 0
    core: int = -1
    locked: bool = False


def ask(priority: int, core: int = -1) -> Rights:
    """Asks for SCHED_FIFO at ``priority``, for one ``core`` and for locked memory; a refusal is no error.

    Only who has priority there stays on one core: others are better off where there is room. Locking brings in all
    pages, which takes many ticks: first, so that nobody else with a priority waits for it.
    """
    locked = _memory_locked()
    fifo = priority if _granted(_be_fifo, priority) else 0
    alone = bool(fifo) and core >= 0 and _granted(_stay_on, core)
    return Rights(fifo, core if alone else -1, locked)


def stay_behind() -> None:
    """Gives the calling thread what the main one was granted, one priority below it; nothing where that has none.

    Whoever holds the interpreter's lock must get on, or the main thread waits behind every ordinary process. With the
    same priority, which a thread inherits, the main one would never get its core back to ask for the lock.
    """
    if not hasattr(os, "sched_getscheduler"):
        return
    main = os.getpid()
    if os.sched_getscheduler(main) == os.SCHED_FIFO:
        _granted(_be_fifo, max(1, os.sched_getparam(main).sched_priority - 1))
        os.sched_setaffinity(0, os.sched_getaffinity(main))


def guarantee(rights: Rights) -> str:
    """The promise that the loop's timing can be given."""
    if not rights.fifo:
        return "best effort: any other process may delay a tick; every miss is counted"
    paging = "" if rights.locked else ", but paging may"
    return f"real-time priority: no ordinary process delays a tick{paging}; what is left is the kernel's own latency"


def cores() -> list[int]:
    """The cores that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@contextmanager
def no_collections() -> Iterator[None]:
    """Keeps the garbage collector out of the ticks; what exists already is never looked at again.

    The loop makes no cycles of references, so nothing piles up meanwhile.
    """
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _granted(request: object, argument: int) -> bool:
    assert callable(request)
    try:
        request(argument)
    except (OSError, AttributeError):  # refused, or a system that doesn't have it
        return False
    return True


def _be_fifo(priority: int) -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))


def _stay_on(core: int) -> None:
    os.sched_setaffinity(0, {core})


def _memory_locked() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)
