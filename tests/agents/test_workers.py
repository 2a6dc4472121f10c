from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
