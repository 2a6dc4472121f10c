from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robocell_agents.evaluation.side_by_side import Job, run_side_by_side
from robocell_controller.errors import ProcessDied


def job(log: Path, code: str) -> Job:
    return Job([sys.executable, "-c", code], log, failure=2)


def run(*jobs: Job) -> list[str]:
    return run_side_by_side(list(jobs), 1, 1, "jobs", 0)


def test_what_went_wrong_is_the_last_line_of_the_log(tmp_path: Path) -> None:
    wrong = "import sys; print('robocell: error: x.yaml: speed', file=sys.stderr); sys.exit(2)"
    assert run(job(tmp_path / "0.log", wrong), job(tmp_path / "1.log", "")) == ["x.yaml: speed", ""]


@pytest.mark.parametrize(
    ("end", "told"), [("os.kill(os.getpid(), 9)", "killed by SIGKILL"), ("sys.exit(1)", "ended with exit code 1")]
)
def test_a_process_that_dies_is_no_result_and_holds_up_no_other(tmp_path: Path, end: str, told: str) -> None:
    dying = job(tmp_path / "0.log", f"import os, sys; print('step 7', flush=True); {end}")
    other = job(tmp_path / "1.log", f"open({str(tmp_path / 'done')!r}, 'w')")
    with pytest.raises(ProcessDied, match=rf"the process of .*0\.log \(step 7\): {told}"):
        run(dying, other)
    assert (tmp_path / "done").exists()


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    code = (
        "import signal, sys, time; from pathlib import Path\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (Path({str(stopped)!r}).touch(), sys.exit()))\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    parent = (
        "import sys; from pathlib import Path; from robocell_agents.evaluation.side_by_side import *\n"
        "run_side_by_side([Job([sys.executable, '-c', sys.argv[1]], Path(sys.argv[2]), 2)], 1, 1, 'jobs', 0)"
    )
    log = tmp_path / "job.log"
    with subprocess.Popen([sys.executable, "-c", parent, code, str(log)], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (log.exists() and log.read_text(encoding="utf-8")):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60.0
    while not stopped.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stopped.exists()
