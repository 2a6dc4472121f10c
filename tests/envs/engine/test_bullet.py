from __future__ import annotations

import subprocess
import sys

import pytest

# A thread prints numbered lines, in both ways, while others build, use and close environments.
THREADS = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor

told, over = 0, threading.Event()

def tell():
    global told
    while not over.is_set():
        for stream in (sys.stdout, sys.stderr):
            print(told, file=stream, flush=True)
            os.write(stream.fileno(), b"%d\\n" % (told + 1))
        told += 2

teller = threading.Thread(target=tell)
teller.start()
from robocell_envs.cell_env import PickPlaceEnv

def play(seed):
    env = PickPlaceEnv()
    env.reset(seed=seed)
    env.step(env.action_space.sample())
    env.close()

with ThreadPoolExecutor(3) as pool:
    list(pool.map(play, range(6)))
over.set()
teller.join()
print("hello", told)
"""
CLOSED = """
from robocell_envs.cell_env import PickPlaceEnv
for _ in range(2):
    env = PickPlaceEnv()
    env.reset(seed=0)
    env.close()
open("done", "w").close()
"""


def test_what_other_threads_print_while_environments_are_built_arrives_and_nothing_of_bullet():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    assert last == f"hello {len(lines)}"
    assert lines == done.stderr.splitlines() == [str(number) for number in range(len(lines))]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_environments_need_no_standard_streams(closed, tmp_path):
    command = f'"{sys.executable}" -c "$0" {closed}'
    done = subprocess.run(["sh", "-c", command, CLOSED], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["done"]
