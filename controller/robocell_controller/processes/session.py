"""A run in real time: starts plant, guardian, loop and logger as processes, watches them, and ends them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import ProcessDied
from robocell_controller.files import writing
from robocell_controller.loop.run_log import LogFile
from robocell_controller.order import Order
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.process import Process
from robocell_controller.processes.shared_memory import SharedMemory, Word
from robocell_controller.rights import guarantee

_PROMPT, _PATIENT = 3, 12  # ticks that a command lives with and without real-time priority
_POLL = 0.05  # s
_SILENCE = 1.0  # s without a sign of life, after which a logger is started anew and a loop is given up
_PATIENCE = 5.0  # s for a process to end


class Session:
    """The processes of one run. Use it as a context manager: whatever happens, none of them is left."""

    def __init__(self, cell: CellConfig, order: Order) -> None:
        """Takes the cell and the order; :meth:`prepare` starts the processes, and :meth:`go` says where the log is."""
        self._cell = cell
        self._log: Path | None = None
        self.asked_to_stop = False
        with writing(Path("shared memory")):
            self._memory = SharedMemory(Layout.SIZE)
        self.layout = Layout(self._memory)
        self.processes: dict[str, Process] = {}
        self._arguments = {"cell": cell.model_dump(), "order": asdict(replace(order, log=None))}

    def prepare(self, record: bool) -> dict[str, Any]:
        """Starts plant, guardian and loop, which wait for :meth:`go`; what each was granted, and what follows from it.

        Raises:
            InputError: a process finds something wrong with the order.
        """
        started = {name: self._start(name, record=record) for name in ("plant", "guardian", "loop")}
        rights = {name: process.rights() for name, process in started.items()}
        prompt = all(each.fifo for each in rights.values())
        ticks = _PROMPT if prompt else _PATIENT
        self.layout.words[Word.LIFETIME] = round(1e9 * ticks * self._cell.rates.tick)
        slowest = min(rights.values(), key=lambda each: each.fifo)
        granted = {name: asdict(each) for name, each in rights.items()}
        return {
            "granted": granted,
            "guarantee": guarantee(slowest),
            "command_lifetime_ms": 1e3 * ticks * self._cell.rates.tick,
        }

    def go(self, log: Path | None, about: dict[str, Any]) -> None:
        """Lets time pass; with a logger, if there is to be a ``log``.

        Raises:
            InputError: the log exists or can't be made.
        """
        if log:
            LogFile(log, about).close()
            self._log = log
            self._start("logger", path=str(log)).rights()
        self.layout.words[Word.GO] = 1

    def watch(self, on_cycle: Callable[[int], None]) -> dict[str, Any]:
        """Waits for the loop's end, and keeps a logger going; the loop's summary, as JSON.

        Args:
            on_cycle: told the number of parts the loop is through with, again and again.

        Raises:
            ProcessDied: the loop has ended without a summary.
        """
        loop, words = self.processes["loop"], self.layout.words
        while loop.alive():
            on_cycle(words[Word.CYCLES])
            self._keep_logger()
            if words[Word.CONTROLLER_BEAT] and _silent(words[Word.CONTROLLER_BEAT], _SILENCE):
                loop.signal(signal.SIGKILL)  # it hangs; the drives have stopped long ago
            time.sleep(_POLL)
        on_cycle(words[Word.CYCLES])
        summary: dict[str, Any] = loop.line()["summary"]
        return summary

    def stop(self, number: int) -> None:
        """Asks the loop for a controlled stop with a signal's name as the cause; asked again, stops the drives."""
        if self.asked_to_stop:
            self.layout.words[Word.STOP] = 1
        self.asked_to_stop = True
        self.processes["loop"].signal(number)

    def close(self) -> None:
        """Ends all processes, those that hang by force; what they left in the memory can still be read."""
        self.layout.words[Word.END] = 1
        for process in self.processes.values():
            process.signal(signal.SIGCONT)
        for process in self.processes.values():
            process.end(_PATIENCE)
        self._memory.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, name: str, **more: object) -> Process:
        process = Process(name, self._memory.descriptor, {**self._arguments, **more})
        self.processes[name] = process
        return process

    def _keep_logger(self) -> None:
        """Starts the logger anew when it has died or hangs, not when it has given up; its frames wait in the ring."""
        logger, words = self.processes.get("logger"), self.layout.words
        if logger is None or words[Word.LOG_FAULT]:
            return
        if logger.alive() and not _silent(words[Word.LOGGER_BEAT], _SILENCE):
            return
        logger.signal(signal.SIGKILL)
        logger.end(_PATIENCE)
        with suppress(ProcessDied):  # no log is worth an abrupt end; the next look tries again
            self._start("logger", path=str(self._log)).rights()

    def log_fault(self) -> str | None:
        """Why the log does not hold the whole run, once all processes have ended; None if it does."""
        number = self.layout.words[Word.LOG_FAULT]
        return f"{self._log}: {os.strerror(number)}" if number else None


def _silent(beat: int, seconds: float) -> bool:
    return time.monotonic_ns() - beat > seconds * 1e9
