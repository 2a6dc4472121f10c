"""The supervisor decides who acts: policy → filtered policy → guided program → way home → controlled stop (Simplex).

A pure state machine over what the last policy period was like. It goes down as soon as it must and up only at the
start of a cycle. The policy may fall to the program only so often within so many cycles, and each lost part is a fall,
so that it loses few of them, whatever it does in between. Where the program may not go either, the part is given up and
the arm goes home; a program that loses part after part stops. A stop is final until the machine is reset. Changes are
bumpless by themselves: each segment starts at the last setpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Annotated

from annotated_types import Gt

from robocell_controller.config import Config

WHOLE = Annotated[int, Gt(0)]


class Level(IntEnum):
    """Who acts; the higher, the less is trusted."""

    POLICY = 0
    FILTERED = 1
    PROGRAM = 2
    HOME = 3
    STOP = 4


class SupervisorConfig(Config):
    """When to trust less, and when again; periods are policy periods."""

    window_periods: WHOLE
    filter_after: WHOLE
    replace_after: WHOLE
    give_up_after: WHOLE
    most_lost: WHOLE
    silent_periods: WHOLE
    progress_periods: WHOLE
    filtered_cycles: WHOLE
    dwell_cycles: WHOLE
    relapse_cycles: WHOLE
    most_falls: WHOLE
    memory_cycles: WHOLE


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
        clean: whole cycles on end without trouble since this level or one above it.
        cycle_clean: whether the present cycle has had none so far.
        lost: parts on end that the program has lost, or that were given up.
        falls: for each fall to the program that is remembered, how many cycles ago it was, the newest last.
        ordered: the program was asked for by name, there is no policy to go back to.
    """

    level: Level = Level.POLICY
    troubled: tuple[bool, ...] = ()
    silent: int = 0
    in_cycle: int = 0
    clean: int = 0
    cycle_clean: bool = True
    lost: int = 0
    falls: tuple[int, ...] = ()
    ordered: bool = False


def supervise(now: Supervision, period: Period, config: SupervisorConfig) -> tuple[Supervision, Change | None]:
    """The supervision after one more policy period, and the change of level if there is one."""
    if now.level is Level.STOP:
        return now, None
    seen = _counted(now, period, config)
    demotion = _demotion(seen, period, config)
    if demotion:
        return _lowered(seen, *demotion, period)
    if period.cycle_begins:
        return _at_cycle_begin(seen, period, config)
    return seen, None


def _counted(now: Supervision, period: Period, config: SupervisorConfig) -> Supervision:
    # Under the program the policy's envelope and silence are of no concern.
    learned = now.level < Level.PROGRAM
    trouble = bool(period.intervention) or (learned and (period.outside or period.missing))
    falls = tuple(ago + period.cycle_begins for ago in now.falls)
    return replace(
        now,
        troubled=(*now.troubled, trouble)[-config.window_periods :],
        silent=now.silent + 1 if learned and period.missing else 0,
        in_cycle=now.in_cycle + 1,
        cycle_clean=now.cycle_clean and not trouble,
        falls=tuple(ago for ago in falls if ago < config.memory_cycles),
    )


def _demotion(seen: Supervision, period: Period, config: SupervisorConfig) -> tuple[Level, str] | None:
    """The lower level that is due, and why."""
    troubles = sum(seen.troubled)
    cause = period.intervention or ("outside the training envelope" if period.outside else "no action in time")
    if seen.level is Level.HOME:
        return (Level.STOP, f"the way home too: {cause}") if troubles >= config.give_up_after else None
    if seen.level is Level.PROGRAM:
        return (Level.HOME, f"the program too: {cause}") if troubles >= config.give_up_after else None
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


def _lowered(seen: Supervision, level: Level, reason: str, period: Period) -> tuple[Supervision, Change]:
    """One level or more down.

    What troubled the policy still counts against its filtered self, but not against the program.
    """
    lowered = replace(
        seen,
        level=level,
        troubled=seen.troubled if level is Level.FILTERED else (),
        in_cycle=0 if period.cycle_begins else seen.in_cycle,
        clean=0,
        cycle_clean=period.cycle_begins,
        falls=(*seen.falls, 0) if level is Level.PROGRAM else seen.falls,
    )
    return lowered, Change(seen.level, level, reason)


def _at_cycle_begin(seen: Supervision, period: Period, config: SupervisorConfig) -> tuple[Supervision, Change | None]:
    """Counts the cycle that has ended; by clean cycles the policy gets back, unless it has fallen too often."""
    clean = seen.clean + 1 if seen.cycle_clean else 0
    lost = seen.lost + 1 if period.lost or seen.level is Level.HOME else 0
    fresh = replace(seen, in_cycle=0, clean=clean, cycle_clean=True, lost=lost)
    if lost >= config.most_lost:
        return replace(fresh, level=Level.STOP), Change(seen.level, Level.STOP, f"{lost} parts on end lost")
    if seen.level is Level.HOME:
        return replace(fresh, level=Level.PROGRAM, troubled=(), clean=0), Change(Level.HOME, Level.PROGRAM, "home")
    needed = config.dwell_cycles if seen.level is Level.PROGRAM else config.filtered_cycles
    if seen.level is Level.POLICY or clean < needed or _barred(seen, config):
        return fresh, None
    back = replace(fresh, level=Level.POLICY, troubled=())
    return back, Change(seen.level, Level.POLICY, f"{clean} clean cycles")


def _barred(seen: Supervision, config: SupervisorConfig) -> bool:
    """Whether the policy has fallen too often, or twice too soon, in the cycles that are remembered."""
    soon = any(first - second <= config.relapse_cycles for first, second in pairwise(seen.falls))
    return seen.ordered or soon or len(seen.falls) >= config.most_falls
