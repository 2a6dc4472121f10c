"""Ctrl-C and SIGTERM as requests: long work is asked to stop cleanly instead of being ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals(ask: Callable[[int], None]) -> Iterator[None]:
    """Hands the number of each SIGINT and SIGTERM to ``ask``; puts the former handlers back at the end."""
    before = {number: signal.signal(number, lambda got, _: ask(got)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
