"""Starting the processes of a run: each says in one line of JSON on its stdout that it is ready, or what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from robocell_controller.errors import InputError, ProcessDied
from robocell_controller.processes.shared_memory import Word
from robocell_controller.rights import Rights


class Process:
    """A module of this package as a process that inherits shared memory."""

    def __init__(self, module: str, descriptor: int, arguments: dict[str, Any]) -> None:
        """Starts it with the memory's ``descriptor``; ``arguments`` are its input, JSON. Ctrl-C does not reach it."""
        self.name = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"robocell_controller.processes.{module}", str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
            start_new_session=True,
            text=True,
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            json.dump(arguments, pipe)

    def line(self) -> dict[str, Any]:
        """The next line that it says; waits for it.

        Raises:
            InputError: it found something wrong with its input.
            OSError: it met a fault of the machine, such as a full disk.
            ProcessDied: it said nothing more.
        """
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if not text:
            raise ProcessDied(f"process {self.name}", self._process.wait())
        said: dict[str, Any] = json.loads(text)
        if "error" in said:
            raise InputError(*said["error"])
        if "fault" in said:
            raise OSError(*said["fault"])
        return said

    def rights(self) -> Rights:
        """Waits until it is ready; what the system granted it."""
        return Rights(**self.line()["rights"])

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Sends it a signal, if it still runs."""
        if self.alive():
            self._process.send_signal(number)

    def end(self, patience: float) -> None:
        """Waits ``patience`` s for its end, then kills it."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def output_of(name: str, code: str) -> str:
    """What Python code prints in a process of its own.

    Raises:
        ProcessDied: it did not come to its end.
    """
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ProcessDied(name, done.returncode)
    return done.stdout


def ready(rights: Rights) -> None:
    """Says that this process is ready."""
    say({"rights": asdict(rights)})


def say(content: dict[str, Any]) -> None:
    """One line to the process that started this one."""
    print(json.dumps(content), flush=True)


def refuse(error: InputError | OSError) -> None:
    """Tells the process that started this one what is wrong with the input, or with the machine."""
    if isinstance(error, InputError):
        say({"error": [str(argument) for argument in error.arguments]})
    else:
        say({"fault": [error.errno, error.strerror, error.filename]})


def wait_for(words: memoryview, word: Word) -> bool:
    """Waits until another process sets a word; False if the run ends before, or its parent."""
    parent = os.getppid()
    while not words[word]:
        if words[Word.END] or os.getppid() != parent:
            return False
        time.sleep(0.001)
    return True
