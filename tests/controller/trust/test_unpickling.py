"""The process that drives a cell ends rather than unpickle, whatever code tries it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from robocell_controller.commands import cli
from robocell_controller.trust.unpickling import EXIT_CODE

PAYLOAD = """
import pickle, subprocess
class Evil:
    def __reduce__(self):
        return print, ("EXECUTED",)
data = pickle.dumps(Evil(), {protocol})
"""
GUARD = "from robocell_controller.trust.unpickling import forbid_unpickling; forbid_unpickling()\n"
ATTEMPTS = {
    "the C unpickler": "pickle.loads(data)",
    "the Python unpickler": "pickle._Unpickler(__import__('io').BytesIO(data)).load()",
    "with a net under it": "try:\n    pickle.loads(data)\nexcept BaseException:\n    pass",
    "NumPy": "import io, numpy; numpy.load(io.BytesIO(data), allow_pickle=True)",
    "in a thread": "import threading; t = threading.Thread(target=pickle.loads, args=(data,)); t.start(); t.join()",
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_unpickling_ends_the_process(attempt: str) -> None:
    done = run(PAYLOAD.format(protocol=4) + GUARD + ATTEMPTS[attempt] + "\nprint('ALIVE')")
    assert done.returncode == EXIT_CODE
    assert done.stdout == ""
    assert done.stderr == "robocell: error: something tried to unpickle builtins.print: the process ends\n"


@pytest.mark.parametrize("command", cli._NO_UNPICKLING)
def test_the_commands_of_the_controller_are_guarded(command: str) -> None:
    code = f"""
import sys, pickle
from robocell_controller.commands import cli
cli.execute = lambda arguments: pickle.loads(pickle.dumps(print))
sys.argv = ["robocell", "{command}", "--help"]
cli.main()
"""
    assert run(code).returncode == EXIT_CODE


def test_a_whole_run_needs_no_pickle() -> None:
    code = """
import sys
from robocell_controller.commands.cli import main
sys.argv = ["robocell", "run", "program:guided", "--parts", "1", "--json"]
main()
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert '"parts": 1' in done.stdout
