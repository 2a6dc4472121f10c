from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from robocell_controller.rights import Rights, cores, guarantee, no_collections

WITHOUT = """
import os, resource
from robocell_controller.rights import ask, guarantee
for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
    resource.setrlimit(limit, (0, 0))
if os.getuid() == 0:
    os.setuid(65534)
rights = ask(50, -1)
print(rights, guarantee(rights), sep="|")
"""


def test_a_refusal_is_recorded_and_promises_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    rights, promise = done.stdout.strip().split("|")
    assert rights == repr(Rights(fifo=0, core=-1, locked=False))
    assert promise.startswith("best effort")


def test_the_guarantee_says_what_follows() -> None:
    assert "paging" not in guarantee(Rights(fifo=50, locked=True))
    assert "but paging may" in guarantee(Rights(fifo=50))
    assert len(cores()) >= 1


def test_nothing_is_collected_meanwhile_and_the_collector_is_back_afterwards() -> None:
    assert gc.isenabled()
    before = gc.get_freeze_count()
    with no_collections():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > before
        runs = [generation["collections"] for generation in gc.get_stats()]
        for _ in range(10_000):
            _ = [[]]
        assert [generation["collections"] for generation in gc.get_stats()] == runs
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


BEHIND = """
import os, threading
from robocell_controller.rights import ask, stay_behind
def look():
    stay_behind()
    seen.append((os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, os.sched_getaffinity(0)))
rights, seen = ask(50, min(os.sched_getaffinity(0))), []
thread = threading.Thread(target=look)
thread.start()
thread.join()
expected = (os.SCHED_FIFO, 49, os.sched_getaffinity(0)) if rights.fifo else (os.SCHED_OTHER, 0, os.sched_getaffinity(0))
print(seen == [expected], os.sched_getscheduler(0) == (os.SCHED_FIFO if rights.fifo else os.SCHED_OTHER))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux's scheduler")
def test_a_thread_stays_behind_the_main_one_which_keeps_its_priority(real_time: None) -> None:
    done = subprocess.run([sys.executable, "-c", BEHIND], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
