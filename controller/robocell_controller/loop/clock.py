"""Clocks, what the control loop waits on: absolute deadlines in whole nanoseconds, so they never drift."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

_MONOTONIC = 1  # CLOCK_MONOTONIC
_ABSOLUTE = 1  # TIMER_ABSTIME
_SECOND = 1_000_000_000


class Clock(Protocol):
    """Paces the ticks of the loop; ``overruns`` counts the deadlines that passed with a tick unfinished."""

    overruns: int

    def wait(self) -> int:
        """Returns when the next tick is due; how late that is, ns."""

    def now(self) -> int:
        """Time on an arbitrary but fixed origin, ns."""


class FreeRunningClock:
    """As fast as possible: every tick is due at once."""

    def __init__(self, time_source: Callable[[], int] = time.perf_counter_ns) -> None:
        """``time_source`` gives the time in ns."""
        self.overruns = 0
        self.now = time_source

    def wait(self) -> int:
        """Returns at once."""
        return 0


class DeadlineClock:
    """Ticks at multiples of one period after the first; a late tick never shifts the ones after it.

    A tick that ends after the next deadline is an overrun. The next tick then starts at once, late; deadlines
    that passed meanwhile are skipped (and counted), so no burst of ticks catches up and the phase is kept.
    """

    def __init__(
        self,
        period: int,
        time_source: Callable[[], int] = time.monotonic_ns,
        sleep_until: Callable[[int], None] | None = None,
        start: int | None = None,
    ) -> None:
        """Takes the period and what tells and passes the time.

        Args:
            period: ns, above 0.
            time_source: gives the time in ns.
            sleep_until: sleeps until that source shows the given time; the system's own when left out.
            start: when the first tick is due, ns; at once when left out.
        """
        if period <= 0:
            raise ValueError(f"period of {period} ns; expected a positive one")
        self.overruns = 0
        self.now = time_source
        self._period = period
        self._sleep_until = sleep_until or system_sleep()
        self._deadline = start

    def wait(self) -> int:
        """Sleeps until the next deadline; how late the tick starts, ns."""
        due = self.now() if self._deadline is None else self._deadline
        late = self.now() - due
        if late > 0:
            self.overruns += -(-late // self._period)  # rounded up: this deadline and those skipped
        else:
            self._sleep_until(due)
            late = max(self.now() - due, 0)
            self.overruns += late // self._period  # the system overslept
        self._deadline = due + (late // self._period + 1) * self._period
        return late


def system_sleep() -> Callable[[int], None]:
    """Sleeps until a time of ``time.monotonic_ns``: absolute where the system can, else in steps."""
    library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if library is None or not hasattr(library, "clock_nanosleep"):
        return _sleep_in_steps
    return partial(_sleep_absolute, library)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _sleep_absolute(library: ctypes.CDLL, deadline: int) -> None:
    """One absolute sleep: unlike a relative one, being preempted just before it does not stretch it."""
    until = _Timespec(*divmod(deadline, _SECOND))
    while error := library.clock_nanosleep(_MONOTONIC, _ABSOLUTE, ctypes.byref(until), None):
        if error != errno.EINTR:
            raise OSError(error, os.strerror(error))


def _sleep_in_steps(deadline: int) -> None:
    while (left := deadline - time.monotonic_ns()) > 0:
        time.sleep(left / _SECOND)
