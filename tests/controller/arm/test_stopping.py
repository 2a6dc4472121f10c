from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from adversaries import LIMITS, REST, margins
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robocell_controller.arm.stopping import StopLaw
from robocell_controller.contract import Array, Setpoint

RATES = (50, 125, 250, 500)
shares = hnp.arrays(np.float64, 7, elements=st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 1.0, -1.0, 5e-324])))
rates = st.sampled_from(RATES)


def law_at(hz: int) -> StopLaw:
    return StopLaw(LIMITS, 1 / hz)


def moving(speeds: Array, accelerations: Array, q: Array = REST) -> Setpoint:
    return Setpoint(q, speeds * LIMITS.velocity, accelerations * LIMITS.acceleration)


@given(shares, shares, rates)
@settings(max_examples=200, deadline=None)
def test_a_stop_keeps_every_rate_and_ends_at_standstill(speeds: Array, accelerations: Array, hz: int) -> None:
    start = moving(speeds, accelerations)
    stop = law_at(hz).stop(start)
    if len(stop.q):
        least = margins(start, np.vstack([stop.q, stop.q[-1], stop.q[-1]]), 1 / hz)
        assert min(least["velocity"], least["acceleration"], least["jerk"]) > -1e-6
        assert not stop.dq[-1].any()
        np.testing.assert_allclose(np.diff(stop.q, axis=0, prepend=start.q[None]) * hz, stop.dq, atol=1e-9)
    assert len(stop.q) > 0 or np.abs(start.dq).max() < 1e-9


@given(shares, shares, rates)
@settings(max_examples=100, deadline=None)
def test_in_the_middle_of_the_range_the_joints_stop_in_step(speeds: Array, accelerations: Array, hz: int) -> None:
    start = moving(0.5 * speeds, accelerations)
    for dq in law_at(hz).stop(start).dq:
        share = dq @ start.dq / (start.dq @ start.dq)
        assert -1e-12 <= share <= 1.0 + 1e-12
        np.testing.assert_allclose(dq, share * start.dq, atol=1e-12)


@given(shares, shares, rates)
@settings(max_examples=100, deadline=None)
def test_what_is_left_of_a_stop_is_the_stop_from_there(speeds: Array, accelerations: Array, hz: int) -> None:
    start = moving(speeds, accelerations)
    stop = law_at(hz).stop(start)
    if len(stop.q) > 1:
        there = Setpoint(stop.q[0], stop.dq[0], (stop.dq[0] - start.dq) * hz)
        again = law_at(hz).stop(there)
        np.testing.assert_allclose(again.q[-1], stop.after_a_tick().q[-1], atol=1e-9)


@given(shares, shares, hnp.arrays(np.float64, 7, elements=st.floats(0, 1)), rates)
@settings(max_examples=300, deadline=None)
def test_where_it_says_so_each_joint_stops_inside_its_limits(
    speeds: Array, accelerations: Array, where: Array, hz: int
) -> None:
    q = LIMITS.lower + where**3 * (LIMITS.upper - LIMITS.lower)  # more of them near the lower limits
    start = moving(speeds, accelerations, q)
    law = law_at(hz)
    if law.can_stop(q.tolist(), start.dq.tolist(), start.ddq.tolist()):
        stop = law.stop(start)
        assert margins(start, np.vstack([q, *stop.q]), 1 / hz)["position"] >= -1e-12


@pytest.mark.parametrize("hz", RATES)
@pytest.mark.parametrize("joint", range(7))
def test_an_arm_that_can_just_stop_beside_a_limit_does(hz: int, joint: int) -> None:
    """Too near for all joints to stop in step: the one joint brakes harder."""
    dq = np.zeros(7)
    dq[joint] = LIMITS.velocity[joint]
    slow = (joint + 1) % 7
    dq[slow] = 0.05 * LIMITS.velocity[slow]
    law, tick = law_at(hz), 1 / hz
    way = LIMITS.velocity**2 / 2 / LIMITS.acceleration + 1.02 * tick * LIMITS.velocity
    for near in (joint, slow):
        q = REST.copy()
        room = way[joint] if near == joint else dq[slow] ** 2 / 2 / LIMITS.acceleration[slow] + 1.02 * tick * dq[slow]
        q[near] = LIMITS.upper[near] - room
        start = Setpoint(q, dq, np.zeros(7))
        assert law.can_stop(q.tolist(), dq.tolist(), [0.0] * 7)
        stop = law.stop(start)
        least = margins(start, stop.q, tick)
        assert least["position"] >= 0.0
        assert min(least["acceleration"], least["jerk"]) > -1e-6
        assert stop.dq[0, near] == pytest.approx(max(dq[near] - tick * LIMITS.acceleration[near], 0.0))
        assert stop.dq[:-1].any(axis=1).all()
        q[near] = LIMITS.upper[near] - 0.95 * (room - 1.02 * tick * dq[near])
        assert not law.can_stop(q.tolist(), dq.tolist(), [0.0] * 7)


def test_a_joint_that_speeds_up_too_hard_to_brake_at_once_needs_a_tick_more() -> None:
    law, tick = law_at(500), 1 / 500
    dq, ddq = LIMITS.velocity.copy(), LIMITS.acceleration.copy()
    room = dq * dq / 2 / LIMITS.acceleration + tick * dq
    q = LIMITS.upper - 1.01 * room
    assert law.can_stop(q.tolist(), dq.tolist(), [0.0] * 7)
    assert not law.can_stop(q.tolist(), dq.tolist(), ddq.tolist())
    assert law.can_stop(q.tolist(), dq.tolist(), (-ddq).tolist())
    q = LIMITS.upper - room - 1.02 * tick * dq
    assert law.can_stop(q.tolist(), dq.tolist(), ddq.tolist())
    slow = 0.01 * dq
    near = LIMITS.upper - slow * slow / 2 / LIMITS.acceleration - 1.5 * tick * slow
    assert law.can_stop(near.tolist(), slow.tolist(), [0.0] * 7)
    assert not law.can_stop(near.tolist(), slow.tolist(), ddq.tolist())
    low = LIMITS.lower + room + 1.02 * tick * dq
    assert law.can_stop(low.tolist(), (-dq).tolist(), (-ddq).tolist())
    assert not law.can_stop((LIMITS.lower + 0.99 * room).tolist(), (-dq).tolist(), [0.0] * 7)


def test_a_tick_too_short_for_the_jerk_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        StopLaw(LIMITS, 1 / 501)
    StopLaw(replace(LIMITS, jerk=2 * LIMITS.jerk), 1 / 1000)


def test_the_slowest_joint_to_brake_sets_the_pace() -> None:
    start = moving(np.array([0.2, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), np.zeros(7))
    stop = law_at(125).stop(start)
    assert len(stop.q) == np.ceil(125 * LIMITS.velocity[1] / LIMITS.acceleration[1])
    np.testing.assert_allclose(stop.dq[0, 1], start.dq[1] - LIMITS.acceleration[1] / 125)
    tenth = replace(start, dq=10 / 125 * LIMITS.acceleration * np.eye(7)[1])
    assert len(law_at(125).stop(tenth).q) == 10


@pytest.mark.parametrize("limit", [LIMITS.lower, LIMITS.upper])
def test_a_joint_that_stands_at_its_very_limit_keeps_no_other_from_stopping_in_step(limit: Array) -> None:
    start = moving(
        np.array([0.0, 0.1, -0.2, 0.0, 0.0, 0.0, 0.0]), np.zeros(7), np.where(np.arange(7) == 0, limit, REST)
    )
    assert law_at(125).can_stop(start.q.tolist(), start.dq.tolist(), [0.0] * 7)
    stop = law_at(125).stop(start)
    np.testing.assert_allclose(stop.dq[:, 1] / start.dq[1], stop.dq[:, 2] / start.dq[2], atol=1e-12)
