from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from robocell_agents.workers import check_whole, worker_pool
from robocell_controller.errors import ProcessDied

PARENT = """
import os, time
from robocell_agents.workers import worker_pool

with worker_pool(2) as pool:
    print(*{job.result() for job in [pool.submit(os.getpid) for _ in range(8)]}, flush=True)
    time.sleep(60)
"""


def _alive(process: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_a_parent_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers and all(_alive(worker) for worker in workers)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10.0
    while any(_alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(worker) for worker in workers)


def _kill(worker: int) -> None:
    """Kills a process, and waits until the system says that it is dead."""
    os.kill(worker, signal.SIGKILL)
    while _alive(worker):
        time.sleep(0.01)


def test_a_worker_that_is_killed_at_work_is_named():
    told = "killed by SIGKILL, as the system does when memory has run out"
    with pytest.raises(ProcessDied, match=told) as died, worker_pool(2) as pool:
        worker = pool.submit(os.getpid).result()
        jobs = [pool.submit(time.sleep, 600.0) for _ in range(3)]
        _kill(worker)
        [job.result() for job in jobs]
    assert f"worker process {worker}, " in str(died.value)
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_while_there_is_nothing_to_do_is_named():
    with pytest.raises(ProcessDied, match="killed by SIGKILL"), worker_pool(1) as pool:
        _kill(pool.submit(os.getpid).result())
        while True:
            check_whole(pool)


@pytest.mark.parametrize("halted", [False, True])
def test_after_ctrl_c_nobody_waits_for_workers(halted: bool):
    with pytest.raises(KeyboardInterrupt), worker_pool(2) as pool:
        worker = pool.submit(os.getpid).result()
        jobs = [pool.submit(time.sleep, 600.0) for _ in range(9)]
        if halted:
            os.kill(worker, signal.SIGSTOP)
        raise KeyboardInterrupt
    assert jobs[-1].done() and not multiprocessing.active_children()


COMMAND = "from robocell_controller.commands.cli import main; main()"


@pytest.mark.parametrize(
    ("struck", "number", "code", "told"),
    [
        ("worker", signal.SIGKILL, 1, "robocell: error: worker process"),
        ("command", signal.SIGTERM, 128 + signal.SIGTERM, ""),
        ("all", signal.SIGINT, 128 + signal.SIGINT, ""),
    ],
)
def test_a_command_leaves_no_process_and_no_file(tmp_path: Path, struck: str, number: int, code: int, told: str):
    command = [sys.executable, "-c", COMMAND, "evaluate", "program:guided", "--episodes", "5000"]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
        text=True,
    ) as process:
        workers: list[int] = []
        while len(workers) < 2 and process.poll() is None:
            workers = _grandchildren(process.pid)
        if struck == "all":
            os.killpg(process.pid, number)
        else:
            os.kill(workers[0] if struck == "worker" else process.pid, number)
        assert process.stderr is not None
        errors = process.stderr.read()
        assert process.wait(60) == code, errors
    assert told in errors and errors.count("error") == bool(told) and "Traceback" not in errors
    assert not any(_alive(worker) for worker in workers)
    assert not list(tmp_path.iterdir())


def _grandchildren(process: int) -> list[int]:
    """The workers of a command: children of its fork server."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
    return [child for child, parent in parents.items() if parents.get(parent) == process]
