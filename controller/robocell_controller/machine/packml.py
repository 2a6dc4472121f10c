"""The machine's states after PackML (ISA-TR88.00.02): a frozen table of 17 states, and what stops mean.

Numbers are those of PackTags v3. Pure: a command or an input gives a new :class:`Machine`, or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from types import MappingProxyType


class State(IntEnum):
    """The 17 states; those that end in -ing are left by ``Command.DONE``."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class Command(IntEnum):
    """What may be asked of the machine; ``DONE`` is its own word that a passing state has come to its end."""

    RESET = 1
    START = 2
    STOP = 3
    HOLD = 4
    UNHOLD = 5
    SUSPEND = 6
    UNSUSPEND = 7
    ABORT = 8
    CLEAR = 9
    COMPLETE = 10
    DONE = 11


class Mode(IntEnum):
    """Unit modes; only ``PRODUCING`` counts for the KPIs."""

    PRODUCING = 1
    MAINTENANCE = 2
    MANUAL = 3


class StopCategory(IntEnum):
    """Stop categories of IEC 60204-1; an emergency stop (ISO 13850) is 0 or 1."""

    POWER_OFF = 0  # at once; the brakes hold the arm
    CONTROLLED = 1  # the arm brakes on its path, then power goes off
    HOLD = 2  # the arm brakes on its path, power stays on and standstill is watched


class Cause(Enum):
    """Why the machine stops: a number for good (new ones at the end), the stop category, one sentence."""

    EMERGENCY_STOP = (1, StopCategory.CONTROLLED, "The emergency stop was pressed.")
    PERMIT_LOST = (2, StopCategory.POWER_OFF, "The guardian has withdrawn its permit, or is silent.")
    DRIVES_LOST = (3, StopCategory.POWER_OFF, "The drives no longer answer.")
    STANDSTILL_LOST = (4, StopCategory.POWER_OFF, "The arm moved while it was told to stand.")
    STATE_STALE = (5, StopCategory.CONTROLLED, "The sensor values are too old to act on.")
    STATE_INVALID = (6, StopCategory.CONTROLLED, "A sensor value is not finite, or of the wrong shape.")
    NOT_FOLLOWING = (7, StopCategory.CONTROLLED, "A joint is too far from its setpoint.")
    NO_CONTROLLER = (8, StopCategory.CONTROLLED, "Neither the policy nor the program can act safely.")
    INTERNAL_FAULT = (9, StopCategory.CONTROLLED, "The controller met an error of its own.")
    CONTACT = (10, StopCategory.HOLD, "The arm touched something that it should not.")
    OPERATOR_STOP = (11, StopCategory.HOLD, "An operator asked for a stop.")
    OPERATOR_HOLD = (12, StopCategory.HOLD, "An operator asked to hold.")
    STARVED = (13, StopCategory.HOLD, "No part has come.")
    BLOCKED = (14, StopCategory.HOLD, "No slot is free.")
    ORDER_DONE = (15, StopCategory.HOLD, "All parts of the order are done.")

    def __init__(self, code: int, category: StopCategory, sentence: str) -> None:
        self.code = code
        self.category = category
        self.sentence = sentence


_STOPPABLE = tuple(
    state
    for state in State
    if state not in (State.STOPPING, State.STOPPED, State.ABORTING, State.ABORTED, State.CLEARING)
)
TABLE = MappingProxyType(
    {
        (State.STOPPED, Command.RESET): State.RESETTING,
        (State.COMPLETE, Command.RESET): State.RESETTING,
        (State.RESETTING, Command.DONE): State.IDLE,
        (State.IDLE, Command.START): State.STARTING,
        (State.STARTING, Command.DONE): State.EXECUTE,
        (State.EXECUTE, Command.COMPLETE): State.COMPLETING,
        (State.COMPLETING, Command.DONE): State.COMPLETE,
        (State.EXECUTE, Command.HOLD): State.HOLDING,
        (State.HOLDING, Command.DONE): State.HELD,
        (State.HELD, Command.UNHOLD): State.UNHOLDING,
        (State.UNHOLDING, Command.DONE): State.EXECUTE,
        (State.UNHOLDING, Command.HOLD): State.HOLDING,
        (State.EXECUTE, Command.SUSPEND): State.SUSPENDING,
        (State.SUSPENDING, Command.DONE): State.SUSPENDED,
        (State.SUSPENDED, Command.UNSUSPEND): State.UNSUSPENDING,
        (State.UNSUSPENDING, Command.DONE): State.EXECUTE,
        (State.UNSUSPENDING, Command.SUSPEND): State.SUSPENDING,
        (State.SUSPENDING, Command.HOLD): State.HOLDING,
        (State.SUSPENDED, Command.HOLD): State.HOLDING,
        (State.UNSUSPENDING, Command.HOLD): State.HOLDING,
        **{(state, Command.STOP): State.STOPPING for state in _STOPPABLE},
        (State.STOPPING, Command.DONE): State.STOPPED,
        **{(state, Command.ABORT): State.ABORTING for state in State if state is not State.ABORTED},
        (State.ABORTED, Command.ABORT): State.ABORTED,  # an abort is never refused
        (State.ABORTING, Command.DONE): State.ABORTED,
        (State.ABORTED, Command.CLEAR): State.CLEARING,
        (State.CLEARING, Command.DONE): State.STOPPED,
    }
)
# States in which the arm may be moving by order of policy or program; in all others it stands, homes or brakes.
MOVING = frozenset({State.EXECUTE, State.STARTING, State.UNHOLDING, State.UNSUSPENDING, State.COMPLETING})
_CAUSED = frozenset({Command.STOP, Command.ABORT, Command.HOLD, Command.SUSPEND})  # commands that need a cause
_SETTLED = frozenset({State.STOPPED, State.IDLE, State.ABORTED})  # states in which the mode may change


class Refused(Exception):  # noqa: N818 (an answer, not an error)
    """The machine does not take a command now; its message says why."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the machine is.

    Attributes:
        state: of PackML; a machine wakes up stopped.
        mode: unit mode.
        cause: of the last stop, hold, suspension or abort; None once the machine starts again.
        pressed: the emergency stop's input.
        permitted: the guardian's permit.
    """

    state: State = State.STOPPED
    mode: Mode = Mode.PRODUCING
    cause: Cause | None = None
    pressed: bool = False
    permitted: bool = True

    def take(self, command: Command, cause: Cause | None = None) -> Machine:
        """The machine after a command; stopping ones need their cause.

        An abort keeps the first cause, unless a later one asks for a harder stop. After an abort only Clear, then
        Reset, lead back; Clear, Reset and Start are refused while the emergency stop is pressed or there is no permit.

        Raises:
            Refused: not in this state, not with these inputs, or without a cause.
        """
        following = TABLE.get((self.state, command))
        if following is None:
            raise Refused(f"{command.name} in state {self.state.name}")
        if (cause is not None) != (command in _CAUSED):
            raise Refused(f"{command.name} {'without' if cause is None else 'with'} a cause")
        if command in (Command.CLEAR, Command.RESET, Command.START) and (self.pressed or not self.permitted):
            raise Refused(f"{command.name} {'while the emergency stop is pressed' if self.pressed else 'unpermitted'}")
        aborted = self.state in (State.ABORTING, State.ABORTED)
        if cause and self.cause and aborted and self.cause.category <= cause.category:
            cause = self.cause
        return replace(self, state=following, cause=None if command is Command.START else cause or self.cause)

    def with_inputs(self, pressed: bool, permitted: bool) -> Machine:
        """The machine after reading its safety inputs: pressed or not permitted, it aborts, whatever it did."""
        read = replace(self, pressed=pressed, permitted=permitted)
        if permitted and not pressed:
            return read
        return read.take(Command.ABORT, Cause.EMERGENCY_STOP if permitted else Cause.PERMIT_LOST)

    def with_mode(self, mode: Mode) -> Machine:
        """The machine in another mode.

        Raises:
            Refused: it neither stands stopped, idle nor aborted.
        """
        if self.state not in _SETTLED:
            raise Refused(f"mode {mode.name} in state {self.state.name}")
        return replace(self, mode=mode)

    @property
    def may_move(self) -> bool:
        """Whether policy, program or operator may move the arm now."""
        return self.state in MOVING and self.permitted and not self.pressed
