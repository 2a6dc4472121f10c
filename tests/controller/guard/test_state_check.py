from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from adversaries import BOUNDS, LIMITS, REST, ROBOT

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.bundle.envelope import Envelope
from robocell_controller.contract import CellState, PartInfo, Setpoint
from robocell_controller.guard.filtering import filtered, scaled
from robocell_controller.guard.state_check import ContactWatch, state_fault

KINEMATICS = Kinematics(ROBOT)
STILL = np.zeros(7)
PART = PartInfo(0.04, 0.04, 4, 100.0)
STATE = CellState(0.0, REST, STILL, STILL, 0.04, 0.0, np.ones(3), 0.0, 0.0, PART, np.ones(3), 0.0)


def test_a_sound_and_fresh_state_is_taken() -> None:
    assert state_fault(STATE, 0.0, BOUNDS) == ""
    assert state_fault(STATE, 0.04, BOUNDS) == ""


@pytest.mark.parametrize("age", [0.0401, -1e-9, np.nan, np.inf])
def test_a_state_too_old_or_of_no_age_is_not(age: float) -> None:
    assert state_fault(STATE, age, BOUNDS) == "stale state"


NUMBERS = [field.name for field in fields(CellState) if field.name not in ("part", "cycle", "held")]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_spoils_the_state(name: str, value: float) -> None:
    old = getattr(STATE, name)
    spoilt = value if np.ndim(old) == 0 else np.where(np.arange(len(old)) == 1, value, old)
    assert state_fault(replace(STATE, **{name: spoilt}), 0.0, BOUNDS) == "sensor not finite"


@pytest.mark.parametrize("name", ["q", "dq", "ddq"])
def test_what_the_drives_hold_counts_too(name: str) -> None:
    held = Setpoint(REST, STILL, STILL)
    assert state_fault(replace(STATE, held=held), 0.0, BOUNDS) == ""
    spoilt = replace(held, **{name: np.where(np.arange(7) == 6, np.nan, 0.0)})
    assert state_fault(replace(STATE, held=spoilt), 0.0, BOUNDS) == "sensor not finite"


@pytest.mark.parametrize("name", ["width", "height", "crush_force"])
def test_what_is_told_of_the_part_counts_too(name: str) -> None:
    assert state_fault(replace(STATE, part=replace(PART, **{name: np.nan})), 0.0, BOUNDS) == "sensor not finite"


@pytest.mark.parametrize("name", ["q", "dq", "tau", "part_position", "slot_position"])
@pytest.mark.parametrize("shape", [(), (2,), (7, 1), (1, 3)])
def test_a_wrong_shape_spoils_the_state(name: str, shape: tuple[int, ...]) -> None:
    assert state_fault(replace(STATE, **{name: np.zeros(shape)}), 0.0, BOUNDS) == "sensor shape"


def pushed(joint: int, torque: float) -> CellState:
    """The arm moving evenly, with so much torque more in one joint than its own weight and motion ask for."""
    own = -KINEMATICS.torque_beyond_own(REST, 0.1 * LIMITS.velocity, STILL, STILL)
    return replace(STATE, q=REST, dq=0.1 * LIMITS.velocity, tau=own + torque * np.eye(7)[joint])


MOVING = Setpoint(REST, 0.1 * LIMITS.velocity, STILL)


@pytest.mark.parametrize("joint", range(7))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_torque_beyond_the_arms_own_in_three_ticks_on_end_is_a_contact(joint: int, sign: float) -> None:
    bound = BOUNDS.contact_torque_n_m[joint]
    strong, weak = pushed(joint, 1.01 * sign * bound), pushed(joint, 0.99 * sign * bound)
    watch = ContactWatch(KINEMATICS, BOUNDS)
    assert [watch.touches(strong, MOVING) for _ in range(4)] == [False, False, True, True]
    assert not any(ContactWatch(KINEMATICS, BOUNDS).touches(weak, MOVING) for _ in range(4))
    watch = ContactWatch(KINEMATICS, BOUNDS)
    seen = [watch.touches(state, MOVING) for state in (strong, strong, weak, strong, strong, strong)]
    assert seen == [False] * 5 + [True]


def test_standing_it_counts_anew_so_the_arm_may_leave() -> None:
    watch, strong = ContactWatch(KINEMATICS, BOUNDS), pushed(1, 100.0)
    standing = replace(MOVING, dq=STILL)
    assert [watch.touches(strong, MOVING) for _ in range(3)][-1]
    assert not any(watch.touches(strong, standing) for _ in range(5))
    assert [watch.touches(strong, MOVING) for _ in range(3)] == [False, False, True]


def test_the_acceleration_asked_for_is_the_arms_own() -> None:
    ddq = 0.9 * LIMITS.acceleration
    own = -KINEMATICS.torque_beyond_own(REST, STILL, ddq, STILL)
    state = replace(STATE, tau=own)
    fast, slow = ContactWatch(KINEMATICS, BOUNDS), ContactWatch(KINEMATICS, BOUNDS)
    assert not any(fast.touches(state, replace(MOVING, ddq=ddq)) for _ in range(5))
    assert any(slow.touches(state, replace(MOVING, ddq=-ddq)) for _ in range(5))


def test_the_envelope_tells_which_features_are_outside() -> None:
    envelope = Envelope([-1.0, 0.0, 2.0], [1.0, 0.0, 3.0])
    assert envelope.outside(np.array([-1.0, 0.0, 3.0])).tolist() == []
    assert envelope.outside(np.array([-1.1, 1e-9, 2.0])).tolist() == [0, 1]
    assert envelope.outside(np.array([np.nan, 0.0, np.inf])).tolist() == [0, 2]
    assert envelope.outside(np.zeros((1, 3))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("lower", "upper"), [([0.0], [1.0, 2.0]), ([1.0], [0.0]), ([[0.0]], [[1.0]]), ([np.nan], [1])])
def test_an_envelope_must_be_one(lower: list[float], upper: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^an envelope"):
        Envelope(lower, upper)


def test_the_filter_takes_as_much_of_the_motion_as_passes() -> None:
    action = np.array([1.0, -0.8, 0.4, 0.2, -0.6])
    assert filtered(action, lambda _: True)[0] is action
    for bound in (0.03, 0.3, 0.5, 0.9):
        taken, share = filtered(action, lambda tried, bound=bound: tried[0] <= bound)
        assert bound - 1 / 16 <= share <= bound
        np.testing.assert_allclose(taken, [*(share * action[:4]), -0.6])
    taken, share = filtered(action, lambda _: False)
    assert share == 0.0
    np.testing.assert_allclose(taken, [0.0, 0.0, 0.0, 0.0, -0.6])
    np.testing.assert_array_equal(action, [1.0, -0.8, 0.4, 0.2, -0.6])
    np.testing.assert_allclose(scaled(action, 0.5)[:2], [0.5, -0.4])
