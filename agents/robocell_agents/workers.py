"""Worker processes. Free of torch, so that workers that do without it start fast."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of ``workers`` fresh processes that leave Ctrl-C to their parent; use it as a context manager."""
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin)


def _begin() -> None:
    ignore_interrupts()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed tells nobody, and its workers would wait for their next job for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def ignore_interrupts() -> None:
    """Initialiser of a worker: Ctrl-C reaches every process of a terminal, and is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
