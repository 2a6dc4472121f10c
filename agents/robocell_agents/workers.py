"""Worker processes. Free of torch, so that workers that do without it start fast."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from robocell_controller.errors import ProcessDied

PATIENCE = 5.0  # s for a process that has nothing left to do to end


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of ``workers`` fresh processes that leave Ctrl-C to their parent; none of them is left at the end.

    Raises:
        ProcessDied: one of them has died.
    """
    pool = ProcessPoolExecutor(workers, worker_context(), initializer=_begin)
    processes: dict[int, BaseProcess] = pool._processes  # type: ignore[assignment]  # nobody else knows exit codes
    broken = None
    try:
        yield pool
    except BrokenProcessPool as error:
        broken = error
    except BaseException:
        _kill(processes)  # nobody waits for what they are at
        raise
    finally:
        _end(pool, processes)
    if broken:
        raise _died(list(processes.values())) from broken


def worker_context() -> ForkServerContext:
    """For fresh processes that leave Ctrl-C to their parent from the first moment: their imports take seconds."""
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which they inherit
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, before)
    return multiprocessing.get_context("forkserver")


def check_whole(pool: Executor) -> None:
    """To be called now and then while a pool has nothing to do: else a death shows when it is next needed.

    Raises:
        BrokenProcessPool: a worker has died; :func:`worker_pool` says how.
    """
    if getattr(pool, "_broken", False):
        raise BrokenProcessPool


def ignore_interrupts() -> None:
    """Initialiser of a worker: Ctrl-C reaches every process of a terminal, and is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _begin() -> None:
    ignore_interrupts()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed tells nobody, and its workers would wait for their next job for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _end(pool: ProcessPoolExecutor, processes: dict[int, BaseProcess]) -> None:
    """Waits for the workers' end, and kills those that hang."""
    watch = threading.Timer(PATIENCE, _kill, [processes])
    watch.start()
    pool.shutdown(cancel_futures=True)
    watch.cancel()


def _kill(processes: dict[int, BaseProcess]) -> None:
    for process in list(processes.values()):
        process.kill()


def _died(processes: list[BaseProcess]) -> ProcessDied:
    """What to say of a broken pool, which has terminated those that were still alive."""
    ended = [process for process in processes if process.exitcode not in (0, -signal.SIGTERM)] or processes
    return ProcessDied(f"worker process {ended[0].pid}, one of {len(processes)}", ended[0].exitcode)
