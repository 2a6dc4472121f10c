"""Processes side by side, each held to its own cores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from robocell_controller.errors import InputError, ProcessDied
from robocell_controller.progress import progress_bar
from robocell_controller.signals import stop_signals

_DIED = "robocell: error: "
# What a command is called by: the system sends it SIGTERM when its parent ends, however that does (prctl 1).
_WITH_PARENT = [
    sys.executable,
    "-c",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(143); os.execvp(sys.argv[2], sys.argv[2:])",
]


@dataclass(frozen=True, slots=True)
class Job:
    """One process to run.

    Attributes:
        command: program and arguments.
        log: file that what it prints is added to.
        failure: exit code after which the last line that it printed says what went wrong; any other is a fault.
    """

    command: list[str]
    log: Path
    failure: int


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def check_cores(path: Path, at_a_time: int, cores_of_each: int) -> None:
    """Whether there are so many cores for what the study in ``path`` runs side by side.

    Raises:
        InputError: there are not.
    """
    if cores_of_each * at_a_time > len(cores()):
        found = f"{at_a_time} runs on {cores_of_each} cores each"
        raise InputError(f"{path}: side_by_side", found, f"{len(cores())} cores in all")


def run_side_by_side(jobs: list[Job], at_a_time: int, cores_of_each: int, what: str, done: int) -> list[str]:
    """Runs all jobs behind a progress bar; returns for each what went wrong, or "".

    Args:
        jobs: to be run, in this order.
        at_a_time: how many.
        cores_of_each: a process and its children stay on that many.
        what: text of the progress bar.
        done: jobs that were done before.

    Raises:
        SystemExit: stopped by a signal, which was passed on to the processes.
        ProcessDied: one of the processes has died; the others were run.
    """
    free: Queue[list[int]] = Queue()
    for slot in range(at_a_time):
        free.put(cores()[slot * cores_of_each : (slot + 1) * cores_of_each])
    going = _Going(free)
    with stop_signals(going.stop), progress_bar() as progress:
        bar = progress.add_task(what, total=done + len(jobs), completed=done)
        with ThreadPoolExecutor(at_a_time) as pool:
            errors = []
            for error in pool.map(going.run, jobs):
                errors.append(error)
                progress.advance(bar)
    if going.stopped_by:
        raise SystemExit(128 + going.stopped_by)
    if going.died:
        raise going.died
    return errors


class _Going:
    """The processes that are going on."""

    def __init__(self, free: Queue[list[int]]) -> None:
        self._free = free
        self._processes: set[subprocess.Popen[bytes]] = set()
        self.stopped_by = 0
        self.died: ProcessDied | None = None

    def stop(self, number: int) -> None:
        """Asks all that are going on to end; none begins after that."""
        self.stopped_by = number
        for process in list(self._processes):
            process.send_signal(signal.SIGTERM)

    def run(self, job: Job) -> str:
        """Runs a job on free cores; returns what went wrong, if something did."""
        if self.stopped_by:
            return ""
        mine = self._free.get()
        try:
            job.log.parent.mkdir(parents=True, exist_ok=True)
            with job.log.open("ab") as log:
                process = subprocess.Popen([*_WITH_PARENT, str(os.getpid()), *job.command], stderr=log, stdout=log)
                self._processes.add(process)
                if self.stopped_by:  # in the moment in between
                    process.send_signal(signal.SIGTERM)
                if hasattr(os, "sched_setaffinity"):
                    os.sched_setaffinity(process.pid, mine)
                code = process.wait()
                self._processes.remove(process)
        finally:
            self._free.put(mine)
        if code not in (0, job.failure) and not self.stopped_by:
            self.died = ProcessDied(f"the process of {job.log} ({_last_line(job.log)})", code)
        return "" if code == 0 else _last_line(job.log)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return (lines[-1] if lines else "without a word").removeprefix(_DIED)
