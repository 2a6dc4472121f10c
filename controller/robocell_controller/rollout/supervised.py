"""A policy under supervision: it acts itself, or as much of it as the guard lets pass, or the guided program does.

What the supervisor decides on, see :mod:`robocell_controller.guard.supervisor`, is computed from sensor values and
actions alone, so that a run can be computed again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import ACTION_SIZE, Array
from robocell_controller.guard.filtering import filtered
from robocell_controller.guard.guard import Guard
from robocell_controller.guard.supervisor import Change, Level, Period, Supervision, supervise
from robocell_controller.loop.periods import program_actor
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.rollout.deployment import ABSENT, REPLACED, Deployment
from robocell_controller.summary import Cycle

_PROGRAM_ORDERED = Supervision(Level.PROGRAM, ordered=True)


class Supervised:
    """A deployment that does not always get its way: an actor of the loop, which tells the deployment its cycles."""

    def __init__(self, cell: CellConfig, acting: Deployment) -> None:
        """Takes the cell, whose guard, program and supervisor's numbers count, and who is to act."""
        robot, bounds = cell.load_robot(), cell.load_guard()
        self._acting, self._config = acting, bounds.supervisor
        self._guard = Guard(robot, bounds, cell.rates)
        program = PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, robot.gripper)
        self._program = program_actor(program)
        self._now = Supervision() if acting.envelope else _PROGRAM_ORDERED
        self._periods: Counter[str] = Counter()
        self._in_cycle: set[Level] = set()
        self._seen = Period()

    def __call__(self, path: ControlPath, view: View) -> Array:
        """Action for one policy period, of whoever acts in it."""
        level, envelope = self._now.level, self._acting.envelope
        self._periods[level.name.lower()] += 1
        self._in_cycle.add(level)
        self._seen = Period()
        if envelope is None:
            return np.asarray(self._acting.act(path, view), dtype=np.float64)
        if level is Level.PROGRAM:
            return np.asarray(self._program(path, view), dtype=np.float64)
        action = np.asarray(self._acting.act(path, view), dtype=np.float64)
        missing = action.shape != (ACTION_SIZE,) or not np.isfinite(action).all()
        self._seen = Period(outside=bool(envelope.outside(path.observation(view)).size), missing=missing)
        return self._filtered(path, action) if level is Level.FILTERED and not missing else action

    def ended(self, period: Period) -> Change | None:
        """How the period went, see :class:`~robocell_controller.loop.periods.Watched`; the change of actor, if any."""
        seen = self._seen
        intervention, missing = period.intervention or seen.intervention, period.missing or seen.missing
        period = replace(period, intervention=intervention, missing=missing, outside=seen.outside)
        self._now, change = supervise(self._now, period, self._config)
        return change

    def warm_up(self, path: ControlPath, view: View) -> Array:
        """The deployment's action; whatever else may be asked in the run is asked too."""
        action = np.asarray(self._acting.warm_up(path, view), dtype=np.float64)
        self._accepts(path, np.asarray(self._program(path, view), dtype=np.float64))
        return action

    def cycle_ended(self, cycle: Cycle) -> None:
        """A cycle that the program had to end is none of the policy's; one that it began and ended says nothing."""
        if self._acting.envelope and Level.PROGRAM in self._in_cycle:
            alone = self._in_cycle == {Level.PROGRAM}
            cycle = Cycle(ABSENT if alone else REPLACED, cycle.time_s)
        self._in_cycle.clear()
        self._acting.cycle_ended(cycle)

    def report(self, fault: bool) -> dict[str, Any]:
        """The deployment's fields of the summary, and who acted in how many periods."""
        return {**self._acting.report(fault), "acted": dict(self._periods)}

    def close(self) -> None:
        """Ends what the deployment has running."""
        self._acting.close()

    def _filtered(self, path: ControlPath, action: Array) -> Array:
        """What had to be taken off is trouble too, or else a policy that pushes against a bound would do so forever."""
        passed, share = filtered(action, lambda part: self._accepts(path, part))
        if share < 1.0:
            self._seen = replace(self._seen, intervention="filtered")
        return passed

    def _accepts(self, path: ControlPath, action: Array) -> bool:
        verdict = path.preview(action)
        start = self._guard.resume(path.setpoint, path.gripper_command)
        return not verdict.reason and not self._guard.refusal(start, verdict.segment)
