from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robocell_controller.arm.motion import RatesConfig
from robocell_controller.arm.robot import JointLimits
from robocell_controller.arm.safety import SafetyKernel
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import Array, Segment, Setpoint

CELL = load(CellConfig, "cells", "pick_place")
ROBOT = CELL.load_robot()
LIMITS = ROBOT.limits
TICK, TICKS = CELL.rates.tick, CELL.rates.ticks
REST = np.array(ROBOT.rest_posture_rad)
SLACK = 1e-6  # relative

hostile_numbers = st.one_of(
    st.floats(-1, 1),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1.0, -1.0]),
)
hostile_actions = st.lists(hnp.arrays(np.float64, 5, elements=hostile_numbers), min_size=1, max_size=25)


def kernel() -> SafetyKernel:
    return SafetyKernel(LIMITS, CELL.rates)


def standing(q: Array = REST) -> Setpoint:
    return Setpoint(q.copy(), np.zeros(7), np.zeros(7))


def assert_within_limits(start: Setpoint, q: Array, limits: JointLimits = LIMITS) -> None:
    """``q`` [n, 7] are consecutive setpoints after ``start``."""
    dq = np.diff(q, axis=0, prepend=start.q[None]) / TICK
    ddq = np.diff(dq, axis=0, prepend=start.dq[None]) / TICK
    assert np.isfinite(q).all()
    assert (q >= limits.lower).all()
    assert (q <= limits.upper).all()
    assert (np.abs(dq) <= limits.velocity * (1 + SLACK)).all()
    assert (np.abs(ddq) <= limits.acceleration * (1 + SLACK)).all()


def drive(actions: list[Array], start: Array = REST) -> None:
    path = CELL.control_path()
    path.reset(start, np.zeros(7), 1.0)
    sent = [path.command(action).segment for action in actions]
    assert_within_limits(standing(start), np.concatenate([segment.q for segment in sent]))
    assert all(-1.0 <= segment.gripper <= 1.0 for segment in sent)


@given(hostile_actions)
@settings(max_examples=60, deadline=None)
def test_no_action_leads_over_a_joint_limit(actions: list[Array]) -> None:
    drive([action for action in actions for _ in range(4)])


@pytest.mark.parametrize("seed", range(4))
def test_hundreds_of_hostile_segments_keep_the_limits(seed: int) -> None:
    stream = np.random.default_rng(seed)
    actions = stream.choice([-1.0, 1.0], (400, 5)) if seed % 2 else stream.uniform(-1, 1, (400, 5))
    if seed >= 2:
        actions = np.repeat(actions[:40], 10, axis=0)  # long pushes, into the corners of the work area
    actions[stream.random(actions.shape) < 0.02] = np.nan
    drive(list(actions))


def test_an_arm_that_starts_beside_its_joint_limits_keeps_them() -> None:
    stream = np.random.default_rng(5)
    for low in (True, False):
        start = LIMITS.lower + 1e-3 if low else LIMITS.upper - 1e-3
        drive(list(stream.uniform(-1, 1, (100, 5))), start)


@pytest.mark.parametrize("action", [np.full(5, np.nan), np.zeros(4), np.zeros((2, 5)), np.array([])])
def test_what_is_no_action_stops_the_arm_and_leaves_the_gripper(action: Array) -> None:
    path, stopped = CELL.control_path(), CELL.control_path()
    for each in (path, stopped):
        each.reset(REST, np.zeros(7), 1.0)
        for _ in range(10):
            each.command(np.array([0.5, 0.5, 0.0, 0.0, -0.6]))
    grip = path.gripper_command
    assert grip < 0.0
    verdict = path.command(action)
    expected = stopped.command(np.array([0.0, 0.0, 0.0, 0.0, -0.6]))
    np.testing.assert_allclose(verdict.segment.q, expected.segment.q)
    assert verdict.segment.gripper == pytest.approx(grip)


@given(hnp.arrays(np.float64, (TICKS, 7), elements=st.floats(-1, 1)), st.floats(0, 0.05))
@settings(max_examples=60, deadline=None)
def test_a_safe_segment_passes_untouched(shape: Array, share: float) -> None:
    ddq = shape * np.minimum(share * LIMITS.acceleration, LIMITS.jerk * TICK / 2)
    dq = TICK * np.cumsum(ddq, axis=0)
    asked = Segment(REST + TICK * np.cumsum(dq, axis=0), dq, 0.5)
    verdict = kernel().certify(standing(), asked)
    assert verdict.reason == ""
    assert verdict.segment is asked
    np.testing.assert_array_equal(verdict.setpoint.q, asked.q[-1])


@dataclass(frozen=True)
class Attack:
    name: str
    offset: Array  # [ticks, 7] rad, from rest
    reason: str


ramp = np.arange(1, TICKS + 1)[:, None]
ATTACKS = [
    Attack("jump", np.full((TICKS, 7), 0.5), "joint velocity"),
    Attack("nan", np.where(ramp == 2, np.nan, np.zeros(7)), "not finite"),
    Attack("huge", np.full((TICKS, 7), 1e308), "joint velocity"),
    Attack("kick", 0.9 * LIMITS.velocity * TICK * ramp, "joint acceleration"),
    Attack("shake", 0.9 * LIMITS.acceleration * TICK**2 * (ramp % 2), "joint acceleration"),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_unsafe_segment_is_replaced_by_a_stop(attack: Attack) -> None:
    q = REST + attack.offset
    verdict = kernel().certify(standing(), Segment(q, np.zeros_like(q), 0.5))
    assert verdict.reason == attack.reason
    np.testing.assert_array_equal(verdict.segment.q, np.tile(REST, (TICKS, 1)))


@given(hnp.arrays(np.float64, (12, TICKS, 7), elements=st.floats(-1, 1)), st.floats(0.5, 30.0))
@settings(max_examples=60, deadline=None)
def test_no_chain_of_segments_gets_past_the_kernel(pushes: Array, gain: float) -> None:
    setpoint = standing()
    start, sent = setpoint, []
    for push in pushes:
        ddq = gain * push.mean(axis=0) * LIMITS.acceleration * np.ones((TICKS, 1))
        dq = setpoint.dq + TICK * np.cumsum(np.clip(ddq, -LIMITS.acceleration, LIMITS.acceleration), axis=0)
        verdict = kernel().certify(setpoint, Segment(setpoint.q + TICK * np.cumsum(dq, axis=0), dq, 0.0))
        sent.append(verdict.segment.q)
        setpoint = verdict.setpoint
    for _ in range(20):  # and from wherever that has led, it stops within the limits
        stop = kernel().brake(setpoint, 0.0)
        sent.append(stop.q)
        setpoint = Setpoint(stop.q[-1], stop.dq[-1], np.zeros(7))
    assert not setpoint.dq.any()
    assert_within_limits(start, np.concatenate(sent))


def at_speed(share: float) -> Setpoint:
    return Setpoint(REST, share * LIMITS.velocity, np.zeros(7))


def steady(setpoint: Setpoint, gripper: float = 0.5) -> Segment:
    """Goes on as it is."""
    dq = np.tile(setpoint.dq, (TICKS, 1))
    return Segment(setpoint.q + TICK * dq.cumsum(axis=0), dq, gripper)


@pytest.mark.parametrize("share", [0.01, 0.08, 0.5, -0.5])
def test_after_a_stop_the_setpoint_is_where_that_has_led(share: float) -> None:
    setpoint = at_speed(share)
    asked = steady(setpoint)
    verdict = kernel().certify(setpoint, Segment(asked.q + 0.1, asked.dq, 0.3))
    dq = np.diff(verdict.segment.q, axis=0, prepend=REST[None]) / TICK
    np.testing.assert_allclose(verdict.segment.dq, dq, atol=1e-9)
    np.testing.assert_array_equal(verdict.setpoint.q, verdict.segment.q[-1])
    np.testing.assert_allclose(verdict.setpoint.dq, dq[-1], atol=1e-9)
    np.testing.assert_allclose(verdict.setpoint.ddq, (dq[-1] - dq[-2]) / TICK, atol=1e-6)
    assert verdict.segment.gripper == 0.3


def test_after_a_stop_of_two_ticks_so_too() -> None:
    rates = RatesConfig(policy_hz=25, controller_hz=50, physics_hz=50)
    setpoint = at_speed(0.5)
    verdict = SafetyKernel(LIMITS, rates).certify(setpoint, Segment(np.tile(REST + 1.0, (2, 1)), np.zeros((2, 7)), 0.3))
    dq = verdict.segment.dq
    np.testing.assert_allclose(verdict.setpoint.ddq, (dq[1] - dq[0]) / rates.tick)


@pytest.mark.parametrize("gripper", [np.nan, np.inf, -np.inf])
def test_a_gripper_command_that_is_no_number_is_a_reason_to_stop(gripper: float) -> None:
    verdict = kernel().certify(at_speed(0.1), steady(at_speed(0.1), gripper))
    assert verdict.reason == "not finite"
    assert verdict.segment.gripper == 0.0


def test_without_room_to_stop_a_steady_motion_is_refused() -> None:
    setpoint = at_speed(0.5)
    assert kernel().certify(setpoint, steady(setpoint)).reason == ""
    way = setpoint.dq**2 / 2 / LIMITS.acceleration
    near = Setpoint(LIMITS.upper - way - TICK * (TICKS + 0.9) * setpoint.dq, setpoint.dq, np.zeros(7))
    assert kernel().certify(near, steady(near)).reason == "joint position"
    far = Setpoint(near.q - 0.2 * TICK * setpoint.dq, near.dq, near.ddq)
    assert kernel().certify(far, steady(far)).reason == ""


@pytest.mark.parametrize("limit", [LIMITS.lower, LIMITS.upper])
def test_a_joint_may_stand_at_its_very_limit(limit: Array) -> None:
    assert kernel().certify(standing(limit), steady(standing(limit))).reason == ""


def test_each_rate_may_be_used_to_its_limit_and_no_further() -> None:
    for share, reason in ((1.0, ""), (1.0 + 1e-6, "joint velocity")):
        setpoint = at_speed(share)
        assert kernel().certify(setpoint, steady(setpoint)).reason == reason
    for share, reason in ((1.0, ""), (1.0 + 1e-6, "joint acceleration")):
        dq = TICK * share * LIMITS.acceleration * np.arange(1, TICKS + 1)[:, None]
        assert kernel().certify(standing(), Segment(REST + TICK * dq.cumsum(axis=0), dq, 0.0)).reason == reason


@pytest.mark.filterwarnings("error")
def test_numbers_that_overflow_are_refused_in_silence() -> None:
    for value in (1e308, np.inf, np.nan):
        q = np.full((TICKS, 7), value)
        q[::2] *= -1.0
        assert kernel().certify(standing(), Segment(q, np.zeros_like(q), 0.0)).reason


def test_what_machines_compute_differently_in_the_last_bits_never_reaches_the_arm() -> None:
    action = np.array([0.25, -0.5, 0.125, 0.75, -0.375])
    paths = [CELL.control_path() for _ in range(2)]
    for path in paths:
        path.reset(REST, np.zeros(7), 1.0)
    one, other = (path.command(action + error).segment for path, error in zip(paths, (1e-6, -1e-6), strict=True))
    assert (one.q == other.q).all() and one.gripper == other.gripper
