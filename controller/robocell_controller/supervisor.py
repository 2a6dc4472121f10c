"""The supervisor decides who acts: policy → filtered policy → guided program → controlled stop (Simplex).

A pure state machine over what the last policy period was like. It goes down as soon as it must and up only at the
start of a cycle: from the program after a dwell that doubles with each relapse, so that a policy that loses parts
loses few of them, whatever it does in between. A stop is final until the machine is reset. Changes are bumpless by
themselves: each segment starts at the last setpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated

from annotated_types import Gt

from robocell_controller.config import Config

WHOLE = Annotated[int, Gt(0)]


class Level(IntEnum):
    """Who acts; the higher, the less is trusted."""

    POLICY = 0
    FILTERED = 1
    PROGRAM = 2
    STOP = 3


class SupervisorConfig(Config):
    """When to trust less, and when again; periods are policy periods."""

    window_periods: WHOLE
    filter_after: WHOLE
    replace_after: WHOLE
    stop_after: WHOLE
    silent_periods: WHOLE
    progress_periods: WHOLE
    filtered_cycles: WHOLE
    first_dwell_cycles: WHOLE
    dwell_cycles: WHOLE
    longest_dwell_cycles: WHOLE
    forgiven_cycles: WHOLE


@dataclass(frozen=True, slots=True)
class Period:
    """What one policy period was like.

    Attributes:
        intervention: reason of the safety kernel or the guard; '' for none.
        outside: the observation was outside the training envelope.
        missing: there was no action in time.
        cycle_begins: a new part begins with the next period,
        lost: and the last one is not in its place.
    """

    intervention: str = ""
    outside: bool = False
    missing: bool = False
    cycle_begins: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change of who acts, and why."""

    before: Level
    after: Level
    reason: str


@dataclass(frozen=True, slots=True)
class Supervision:
    """The supervisor's whole memory.

    Attributes:
        level: who acts in the next period.
        troubled: for each of the last periods since the last change, the newest last, whether it was troubled.
        silent: periods on end without an action in time.
        in_cycle: periods of this cycle so far.
        clean: whole cycles without trouble at this level.
        cycle_clean: whether the present cycle has had none so far.
        dwell: clean cycles that the program has to do before the policy gets another chance.
        kept: cycles on end without the program.
    """

    level: Level = Level.POLICY
    troubled: tuple[bool, ...] = ()
    silent: int = 0
    in_cycle: int = 0
    clean: int = 0
    cycle_clean: bool = True
    dwell: int = 0
    kept: int = 0


def supervise(now: Supervision, period: Period, config: SupervisorConfig) -> tuple[Supervision, Change | None]:
    """The supervision after one more policy period, and the change of level if there is one."""
    if now.level is Level.STOP:
        return now, None
    seen = _counted(now, period, config)
    demotion = _demotion(seen, period, config)
    if demotion:
        return _lowered(seen, *demotion, period, config)
    if period.cycle_begins:
        return _at_cycle_begin(seen, config)
    return seen, None


def _counted(now: Supervision, period: Period, config: SupervisorConfig) -> Supervision:
    # Under the program the policy's envelope and silence are of no concern.
    learned = now.level < Level.PROGRAM
    trouble = bool(period.intervention) or (learned and (period.outside or period.missing))
    return replace(
        now,
        troubled=(*now.troubled, trouble)[-config.window_periods :],
        silent=now.silent + 1 if learned and period.missing else 0,
        in_cycle=now.in_cycle + 1,
        cycle_clean=now.cycle_clean and not trouble,
    )


def _demotion(seen: Supervision, period: Period, config: SupervisorConfig) -> tuple[Level, str] | None:
    """The lower level that is due, and why."""
    troubles = sum(seen.troubled)
    cause = period.intervention or ("outside the training envelope" if period.outside else "no action in time")
    if seen.level is Level.PROGRAM:
        return (Level.STOP, f"the program too: {cause}") if troubles >= config.stop_after else None
    if period.lost:
        return Level.PROGRAM, "part lost"
    if seen.silent >= config.silent_periods:
        return Level.PROGRAM, "no action in time"
    if seen.in_cycle >= config.progress_periods and not period.cycle_begins:
        return Level.PROGRAM, "no progress"
    if troubles >= config.replace_after:
        return Level.PROGRAM, cause
    if seen.level is Level.POLICY and troubles >= config.filter_after:
        return Level.FILTERED, cause
    return None


def _lowered(
    seen: Supervision, level: Level, reason: str, period: Period, config: SupervisorConfig
) -> tuple[Supervision, Change]:
    """One level or more down; each fall to the program but the first doubles the dwell.

    What troubled the policy still counts against its filtered self, but not against the program.
    """
    dwell = seen.dwell
    if level is Level.PROGRAM:
        again = min(max(2 * seen.dwell, config.dwell_cycles), config.longest_dwell_cycles)
        dwell = again if seen.dwell else config.first_dwell_cycles
    lowered = replace(
        seen,
        level=level,
        troubled=seen.troubled if level is Level.FILTERED else (),
        silent=seen.silent if level is Level.FILTERED else 0,
        in_cycle=0 if period.cycle_begins else seen.in_cycle,
        clean=0,
        cycle_clean=False,
        dwell=dwell,
        kept=seen.kept if level is Level.FILTERED else 0,
    )
    return lowered, Change(seen.level, level, reason)


def _at_cycle_begin(seen: Supervision, config: SupervisorConfig) -> tuple[Supervision, Change | None]:
    """Counts the cycle that has ended; the policy gets back after its dwell, and earns trust by clean cycles."""
    clean = seen.clean + 1 if seen.cycle_clean else 0
    kept = 0 if seen.level is Level.PROGRAM else seen.kept + 1
    dwell = 0 if kept >= config.forgiven_cycles else seen.dwell
    fresh = replace(seen, in_cycle=0, clean=clean, cycle_clean=True, dwell=dwell, kept=kept)
    if seen.level is Level.POLICY:
        return fresh, None
    if clean < (seen.dwell if seen.level is Level.PROGRAM else config.filtered_cycles):
        return fresh, None
    back = replace(fresh, level=Level.POLICY, troubled=(), clean=0)
    return back, Change(seen.level, Level.POLICY, f"{clean} clean cycles")
