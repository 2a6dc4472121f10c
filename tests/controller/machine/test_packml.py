from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robocell_controller.machine.packml import (
    MOVING,
    TABLE,
    Cause,
    Command,
    Machine,
    Mode,
    Refused,
    State,
    StopCategory,
)

# Written anew from the state model of ISA-TR88.00.02: for each state, what each command leads to.
MODEL = """
CLEARING      DONE:STOPPED ABORT:ABORTING
STOPPED       RESET:RESETTING ABORT:ABORTING
STARTING      DONE:EXECUTE STOP:STOPPING ABORT:ABORTING
IDLE          START:STARTING STOP:STOPPING ABORT:ABORTING
SUSPENDED     UNSUSPEND:UNSUSPENDING HOLD:HOLDING STOP:STOPPING ABORT:ABORTING
EXECUTE       COMPLETE:COMPLETING HOLD:HOLDING SUSPEND:SUSPENDING STOP:STOPPING ABORT:ABORTING
STOPPING      DONE:STOPPED ABORT:ABORTING
ABORTING      DONE:ABORTED ABORT:ABORTING
ABORTED       CLEAR:CLEARING ABORT:ABORTED
HOLDING       DONE:HELD STOP:STOPPING ABORT:ABORTING
HELD          UNHOLD:UNHOLDING STOP:STOPPING ABORT:ABORTING
UNHOLDING     DONE:EXECUTE HOLD:HOLDING STOP:STOPPING ABORT:ABORTING
SUSPENDING    DONE:SUSPENDED HOLD:HOLDING STOP:STOPPING ABORT:ABORTING
UNSUSPENDING  DONE:EXECUTE SUSPEND:SUSPENDING HOLD:HOLDING STOP:STOPPING ABORT:ABORTING
RESETTING     DONE:IDLE STOP:STOPPING ABORT:ABORTING
COMPLETING    DONE:COMPLETE STOP:STOPPING ABORT:ABORTING
COMPLETE      RESET:RESETTING STOP:STOPPING ABORT:ABORTING
"""
LINES = MODEL.strip().splitlines()  # in the order of their numbers in PackTags
EXPECTED = {
    (State[line.split()[0]], Command[word.split(":")[0]]): State[word.split(":")[1]]
    for line in LINES
    for word in line.split()[1:]
}
CAUSED = {Command.STOP, Command.ABORT, Command.HOLD, Command.SUSPEND}
BACK = {Command.CLEAR, Command.RESET, Command.START}


def cause_for(command: Command) -> Cause | None:
    return Cause.OPERATOR_STOP if command in CAUSED else None


def test_every_state_and_command() -> None:
    for state, command, mode in product(State, Command, Mode):
        machine = Machine(state, mode)
        if (state, command) in EXPECTED:
            after = machine.take(command, cause_for(command))
            assert after == Machine(EXPECTED[state, command], mode, cause_for(command))
        else:
            with pytest.raises(Refused, match=f"{command.name} in state {state.name}"):
                machine.take(command, cause_for(command))


def test_a_stopping_command_needs_its_cause_and_no_other_has_one() -> None:
    for state, command in EXPECTED:
        with pytest.raises(Refused, match=f"^{command.name} {'without' if command in CAUSED else 'with'} a cause$"):
            Machine(state).take(command, None if command in CAUSED else Cause.CONTACT)


@pytest.mark.parametrize(
    ("pressed", "permitted", "why"),
    [
        (True, True, "while the emergency stop is pressed"),
        (False, False, "unpermitted"),
        (True, False, "while the emergency stop is pressed"),
    ],
)
def test_nothing_leads_back_while_an_input_forbids_it(pressed: bool, permitted: bool, why: str) -> None:
    for (state, command), following in EXPECTED.items():
        machine = Machine(state, pressed=pressed, permitted=permitted)
        if command in BACK:
            with pytest.raises(Refused, match=f"^{command.name} {why}$"):
                machine.take(command)
        else:
            assert machine.take(command, cause_for(command)).state is following


def test_the_table_is_frozen_and_has_the_numbers_of_packtags() -> None:
    assert dict(TABLE) == EXPECTED
    with pytest.raises(TypeError):
        TABLE[State.STOPPED, Command.START] = State.EXECUTE  # type: ignore[index]
    assert {state.name: state.value for state in State} == {line.split()[0]: 1 + n for n, line in enumerate(LINES)}
    names = "RESET START STOP HOLD UNHOLD SUSPEND UNSUSPEND ABORT CLEAR COMPLETE DONE"
    assert {command.name: command.value for command in Command} == {name: 1 + n for n, name in enumerate(names.split())}
    assert [(mode.name, mode.value) for mode in Mode] == [("PRODUCING", 1), ("MAINTENANCE", 2), ("MANUAL", 3)]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    ("pressed", "permitted", "cause"),
    [
        (True, True, Cause.EMERGENCY_STOP),
        (False, False, Cause.PERMIT_LOST),
        (True, False, Cause.PERMIT_LOST),
        (False, True, None),
    ],
)
def test_the_inputs_abort_from_every_state(state: State, pressed: bool, permitted: bool, cause: Cause | None) -> None:
    read = Machine(state).with_inputs(pressed, permitted)
    ends = {State.ABORTED: State.ABORTED}.get(state, State.ABORTING) if cause else state
    assert read == Machine(ends, cause=cause, pressed=pressed, permitted=permitted)
    assert read.with_inputs(pressed, permitted) == read
    assert not (cause and read.may_move)


def test_the_emergency_stop_latches_and_only_clear_then_reset_lead_back() -> None:
    machine = Machine(State.EXECUTE).with_inputs(pressed=True, permitted=True)
    machine = machine.take(Command.DONE)
    assert machine.state is State.ABORTED
    with pytest.raises(Refused, match="while the emergency stop is pressed"):
        machine.take(Command.CLEAR)
    machine = machine.with_inputs(pressed=False, permitted=True)
    assert (machine.state, machine.cause) == (State.ABORTED, Cause.EMERGENCY_STOP)
    for command in set(Command) - {Command.CLEAR, Command.ABORT}:
        with pytest.raises(Refused):
            machine.take(command, cause_for(command))
    machine = machine.take(Command.CLEAR).take(Command.DONE)
    assert machine.state is State.STOPPED
    with pytest.raises(Refused):
        machine.take(Command.START)
    machine = machine.take(Command.RESET).take(Command.DONE)
    assert (machine.state, machine.cause) == (State.IDLE, Cause.EMERGENCY_STOP)
    machine = machine.take(Command.START)
    assert (machine.state, machine.cause) == (State.STARTING, None)


def test_an_abort_keeps_its_first_cause_unless_a_harder_stop_is_due() -> None:
    aborting = Machine(State.HOLDING, cause=Cause.OPERATOR_HOLD).take(Command.ABORT, Cause.STATE_STALE)
    assert aborting.cause is Cause.STATE_STALE
    assert aborting.take(Command.ABORT, Cause.NOT_FOLLOWING).cause is Cause.STATE_STALE
    assert aborting.take(Command.ABORT, Cause.OPERATOR_STOP).cause is Cause.STATE_STALE
    dropped = aborting.take(Command.ABORT, Cause.DRIVES_LOST)
    assert (dropped.state, dropped.cause) == (State.ABORTING, Cause.DRIVES_LOST)
    aborted = dropped.take(Command.DONE).take(Command.ABORT, Cause.EMERGENCY_STOP)
    assert (aborted.state, aborted.cause) == (State.ABORTED, Cause.DRIVES_LOST)
    aborted = aborting.take(Command.DONE).take(Command.ABORT, Cause.PERMIT_LOST)
    assert (aborted.state, aborted.cause) == (State.ABORTED, Cause.PERMIT_LOST)


def test_a_later_stop_outside_an_abort_has_its_own_cause() -> None:
    held = Machine(State.HELD, cause=Cause.CONTACT)
    assert held.take(Command.STOP, Cause.OPERATOR_STOP).cause is Cause.OPERATOR_STOP
    assert held.take(Command.UNHOLD).cause is Cause.CONTACT


@pytest.mark.parametrize("state", State)
def test_the_mode_changes_only_where_nothing_goes_on(state: State) -> None:
    machine = Machine(state, cause=Cause.CONTACT)
    if state in (State.STOPPED, State.IDLE, State.ABORTED):
        assert machine.with_mode(Mode.MANUAL) == Machine(state, Mode.MANUAL, Cause.CONTACT)
    else:
        with pytest.raises(Refused, match=f"mode MANUAL in state {state.name}"):
            machine.with_mode(Mode.MANUAL)


@pytest.mark.parametrize("state", State)
def test_the_arm_moves_in_few_states_and_never_unpermitted(state: State) -> None:
    moving = state.name in ("STARTING", "EXECUTE", "COMPLETING", "UNHOLDING", "UNSUSPENDING")
    assert (state in MOVING) == moving
    assert Machine(state).may_move == moving
    assert not Machine(state, pressed=True).may_move
    assert not Machine(state, permitted=False).may_move


def test_a_machine_wakes_up_stopped_and_producing() -> None:
    assert Machine() == Machine(State.STOPPED, Mode.PRODUCING, None, pressed=False, permitted=True)


CATEGORIES = {
    0: "PERMIT_LOST DRIVES_LOST STANDSTILL_LOST",
    1: "EMERGENCY_STOP STATE_STALE STATE_INVALID NOT_FOLLOWING NO_CONTROLLER INTERNAL_FAULT",
    2: "CONTACT OPERATOR_STOP OPERATOR_HOLD STARVED BLOCKED ORDER_DONE",
}
CODES = """EMERGENCY_STOP PERMIT_LOST DRIVES_LOST STANDSTILL_LOST STATE_STALE STATE_INVALID NOT_FOLLOWING NO_CONTROLLER
INTERNAL_FAULT CONTACT OPERATOR_STOP OPERATOR_HOLD STARVED BLOCKED ORDER_DONE"""


def test_every_cause_has_its_own_number_its_category_and_one_sentence() -> None:
    assert {cause.name: cause.code for cause in Cause} == {name: 1 + n for n, name in enumerate(CODES.split())}
    for category, names in CATEGORIES.items():
        assert {cause.name for cause in Cause if cause.category == category} == set(names.split())
    assert all(cause.sentence.count(".") == 1 and cause.sentence.endswith(".") for cause in Cause)
    assert [(category.name, category.value) for category in StopCategory] == [
        ("POWER_OFF", 0), ("CONTROLLED", 1), ("HOLD", 2),
    ]  # fmt: skip


steps = st.lists(st.tuples(st.sampled_from(Command), st.booleans(), st.booleans()), max_size=60)


@given(steps)
def test_into_execute_only_from_start_and_with_a_permit(taken: list[tuple[Command, bool, bool]]) -> None:
    machine, seen = Machine(), [Machine()]
    for command, pressed, permitted in taken:
        machine = machine.with_inputs(pressed, permitted)
        seen.append(machine)
        try:
            machine = machine.take(command, cause_for(command))
        except Refused:
            continue
        seen.append(machine)
    for before, after in pairwise(seen):
        if after.state is State.EXECUTE:
            assert after.permitted
            assert not after.pressed
        if before.state in (State.ABORTING, State.ABORTED):
            assert after.state in (State.ABORTING, State.ABORTED, State.CLEARING)
        if after.state is State.ABORTED:
            assert after.cause
