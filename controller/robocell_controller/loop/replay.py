"""``robocell replay``: computes a run again from its log and compares every command bit for bit.

The loop itself runs again: the logged states are its sensors, the logged actions its policy. With the bundle (or the
program) at hand, the actions are computed again too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import parse
from robocell_controller.contract import ACTION_SIZE, Array, CellState, JointCommand, PlantError
from robocell_controller.errors import InputError
from robocell_controller.guard.supervisor import Change, Level, Period
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.log_reader import Log, read_log
from robocell_controller.loop.loop import UNFINISHED, ControlLoop
from robocell_controller.loop.periods import Actor, Watched
from robocell_controller.loop.run_log import RECORD
from robocell_controller.messages import COMMAND, STATE, pack_command, unpack_state
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View

_MISSHAPEN = np.zeros(0)  # stands for every action of a wrong shape: the log does not keep its numbers
_STATE_AT = RECORD.fields["time"][1] if RECORD.fields else 0
_COMMAND_AT = RECORD.fields["q_setpoint"][1] if RECORD.fields else 0


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Attributes:
        ticks: in the log.
        same: commands that came out the same, bit for bit.
        differs_at: first tick whose command, or action, did not; None if all did.
        actions: whether the actions were computed again too.
        dropped: frames missing in the log; the replay ends before the first.
        complete: whether the log ends with its end mark.
        ending: how it ends, in words that follow ``the log``.
    """

    ticks: int
    same: int
    differs_at: int | None
    actions: bool
    dropped: int
    complete: bool
    ending: str

    @property
    def exact(self) -> bool:
        """Whether all that is in the log came out the same."""
        return self.same == self.ticks and self.differs_at is None and not self.dropped

    def as_json(self) -> str:
        """The findings as JSON."""
        return json.dumps({**asdict(self), "exact": self.exact}, indent=2)

    def in_words(self) -> str:
        """The findings in a sentence or two."""
        return self._comparison() + ("" if self.complete else f"; the log {self.ending}")

    def _comparison(self) -> str:
        what = "commands and actions" if self.actions else "commands"
        if self.exact:
            return f"{self.ticks} ticks: the same {what}, bit for bit"
        missing = f"; {self.dropped} frames are missing in the log" if self.dropped else ""
        where = "" if self.differs_at is None else f", the first other one in tick {self.differs_at}"
        return f"{self.ticks} ticks: {self.same} with the same {what}{where}{missing}"


def replay(path: Path, actor: Actor | None = None) -> Replay:
    """Computes the commands of a run log again.

    Args:
        path: the log.
        actor: decides again, and is compared with the logged actions; without, those are taken as they are.

    Raises:
        InputError: not a run log, or one without what a replay needs.
    """
    log = read_log(path)
    cell, parts = _order(path, log)
    plant = _LoggedPlant(log)
    loop = ControlLoop(cell, plant, _LoggedActor(plant, actor), FreeRunningClock())
    plant.request_stop = loop.request_stop
    loop.run(parts)
    differs = plant.differs_at
    if differs is None and plant.index < len(log.ticks):
        differs = plant.index
    ending = log.how_it_ends()
    return Replay(len(log.ticks), plant.same, differs, actor is not None, log.dropped, log.complete, ending)


def logged_cell(path: Path) -> CellConfig:
    """The cell that a log was made in."""
    return _order(path, read_log(path))[0]


class _LoggedPlant:
    """A plant whose sensors say what the log says, and that compares the commands with the log's."""

    def __init__(self, log: Log) -> None:
        self._records = [record.tobytes() for record in log.ticks[: _whole(log)]]
        self.ticks = log.ticks
        self._outcomes = {e["tick"]: e["outcome"] for e in log.events if e["event"] == "cycle"}
        self._stops = {e["tick"]: e["cause"] for e in log.events if e["event"] == "stop"}
        self.changes = {e["tick"]: _change(e) for e in log.events if e["event"] == "change"}
        self.index = self.same = 0
        self.differs_at: int | None = None
        self.request_stop: Callable[[str], None]  # the loop's, which is made after its plant

    def read(self) -> CellState:
        if self.index in self._stops:
            self.request_stop(self._stops[self.index])
        if self.index >= len(self._records) or self.differs_at is not None:
            raise PlantError("end of the log")
        return unpack_state(self._records[self.index][_STATE_AT : _STATE_AT + STATE.size])

    def age(self) -> float:
        """What was too old has left its stop in the log."""
        return 0.0

    def write(self, command: JointCommand) -> None:
        logged = self._records[self.index][_COMMAND_AT : _COMMAND_AT + COMMAND.size]
        if pack_command(command) == logged:
            self.same += 1
        else:
            self.differ()
        self.index += 1

    def differ(self) -> None:
        """Notes that what was computed in this tick is not what the log says."""
        if self.differs_at is None:
            self.differs_at = self.index

    def present(self) -> None:
        """The logged states show the next part."""

    def outcome(self) -> str | None:
        outcome = self._outcomes.get(self.index)
        return None if outcome in UNFINISHED else outcome

    def close(self) -> None:
        """Nothing to let go of."""


class _LoggedActor:
    """Decides as the log says; with an actor to compare, says where that would have decided otherwise."""

    def __init__(self, plant: _LoggedPlant, actor: Actor | None) -> None:
        self._plant, self._actor = plant, actor

    def __call__(self, path: ControlPath, view: View) -> npt.NDArray[np.floating]:
        record = self._plant.ticks[self._plant.index]
        logged: Array = record["action"] if record["decided"] == ACTION_SIZE else _MISSHAPEN
        if self._actor:
            again = np.asarray(self._actor(path, view), dtype=np.float64)
            if (again if again.shape == (ACTION_SIZE,) else _MISSHAPEN).tobytes() != logged.tobytes():
                self._plant.differ()
        return logged

    def ended(self, period: Period) -> Change | None:
        """Its supervisor learns what it learned then; without one, the log says what it decided."""
        if isinstance(self._actor, Watched):
            return self._actor.ended(period)
        return self._plant.changes.get(self._plant.index)


def _change(event: dict[str, Any]) -> Change:
    before, after = (Level[event[key].upper()] for key in ("before", "after"))
    return Change(before, after, event["reason"])


def _whole(log: Log) -> int:
    """Ticks up to the first that is missing."""
    gaps = np.flatnonzero(log.ticks["tick"] != np.arange(len(log.ticks)))
    return int(gaps[0]) if len(gaps) else len(log.ticks)


def _order(path: Path, log: Log) -> tuple[CellConfig, int]:
    try:
        cell, parts = log.about["cell"], int(log.about["order"]["parts"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, "no order in its header", "the log of a robocell run") from error
    return parse(CellConfig, cell, path), parts
