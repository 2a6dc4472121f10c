from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from adversaries import ADVERSARIES, BOUNDS, CELL, LIMITS, REST, ROBOT, accelerated, arena, margins
from hypothesis import given, settings
from hypothesis import strategies as st

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.stopping import Stop
from robocell_controller.config import parse
from robocell_controller.contract import Array, JointCommand, Setpoint
from robocell_controller.errors import InputError
from robocell_controller.guard.clearance import Clearance, Look
from robocell_controller.guard.config import GuardConfig
from robocell_controller.guard.guard import Guard, Release

TICK = CELL.rates.tick
KINEMATICS = Kinematics(ROBOT)
GUARD = Guard(ROBOT, BOUNDS, CELL.rates)  # made anew before each test
STILL = np.zeros(7)


@pytest.fixture(autouse=True)
def fresh_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "GUARD", Guard(ROBOT, BOUNDS, CELL.rates))


def standing(q: Array = REST) -> Release:
    return GUARD.begin(q, STILL, 0.5)


def at(x: float, y: float, z: float) -> Array:
    return KINEMATICS.inverse(np.array([x, y, z]), 0.0)


def drive(guard: Guard, last: Release, velocity: Array, ticks: int) -> list[Release]:
    """Speeds the TCP up towards ``velocity`` [3] m/s, at a third of the joints' acceleration."""
    sent = [last]
    for _ in range(ticks):
        _, jacobian = KINEMATICS.pose_and_jacobian(last.setpoint.q)
        goal = KINEMATICS.solve(jacobian, np.array([*velocity, 0, 0, 0]), STILL)
        change = goal - last.setpoint.dq
        share = min(1.0, 0.3 * TICK * (LIMITS.acceleration / np.maximum(np.abs(change), 1e-9)).min())
        last = guard.release(last, accelerated(last, share * change / TICK, TICK))
        sent.append(last)
    return sent


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_what_it_lets_pass_is_what_was_asked_and_passes_again(seed: int) -> None:
    stream, place = np.random.default_rng(seed), arena(125)
    last = place.guard.begin(REST, STILL, 0.5)
    place.path.reset(REST, STILL, 0.5)
    adversary = ADVERSARIES[stream.integers(len(ADVERSARIES))](stream, place)
    for _ in range(60):
        wanted = adversary(last)
        release = place.guard.release(last, wanted)
        assert (release.command is wanted) == (release.reason == "")
        again = place.guard.release(last, release.command)
        assert again.reason == ""
        np.testing.assert_array_equal(again.command.q, release.command.q)
        np.testing.assert_allclose(again.setpoint.ddq, release.setpoint.ddq, atol=1e-9)
        last = release


def test_a_pure_function_gives_the_same_for_the_same() -> None:
    last = standing()
    wanted = accelerated(last, 0.5 * LIMITS.acceleration, TICK)
    first, second = GUARD.release(last, wanted), GUARD.release(last, wanted)
    np.testing.assert_array_equal(first.stop.q, second.stop.q)
    np.testing.assert_array_equal(last.setpoint.q, REST)


def test_without_a_command_it_follows_the_certified_stop_to_standstill() -> None:
    last = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.5, 0.0]), 30)[-1]
    assert len(last.stop.q) > 5
    expected, sent = last.stop, []
    for _ in range(len(expected.q) + 2):
        last = GUARD.release(last, None)
        sent.append(last.command.q)
        assert last.reason == "stopping"
    np.testing.assert_array_equal(sent[: len(expected.q)], expected.q)
    np.testing.assert_array_equal(sent[-1], expected.q[-1])
    assert not last.setpoint.dq.any()
    assert len(last.stop.q) == 0


def test_a_fault_stops_the_arm_within_a_tick_and_names_itself() -> None:
    last = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.5, 0.0]), 30)[-1]
    wanted = accelerated(last, STILL, TICK)
    stopped = GUARD.release(last, wanted, fault="stale state")
    assert stopped.reason == "stale state"
    assert np.linalg.norm(stopped.command.dq) < np.linalg.norm(last.command.dq)
    assert GUARD.release(last, wanted).reason == ""


@pytest.mark.parametrize("direction", [*np.eye(3), *-np.eye(3)])
def test_the_tcp_stops_inside_its_box(direction: Array) -> None:
    bounds = parse(GuardConfig, {**BOUNDS.model_dump(), "tcp_lower_m": [0.35, -0.3, 0.1]}, "x")
    guard = Guard(ROBOT, bounds, CELL.rates)
    sent = drive(guard, guard.begin(at(0.45, 0.0, 0.25), STILL, 0.5), 0.6 * direction, 200)
    places = np.array([KINEMATICS.pose(release.command.q).position for release in sent])
    room = np.minimum(places - bounds.tcp_lower_m, np.array(bounds.tcp_upper_m) - places).min()
    assert -1e-6 < room < 0.01
    assert "workspace" in {release.reason for release in sent}


def test_the_finger_tips_stop_over_a_raised_plane() -> None:
    plane = {"name": "tray", "normal": [0.0, 0.0, 1.0], "offset_m": 0.05}
    bounds = parse(GuardConfig, {**BOUNDS.model_dump(), "planes": [plane], "plane_clearance_m": 0.01}, "x")
    guard = Guard(ROBOT, bounds, CELL.rates)
    sent = drive(guard, guard.begin(at(0.45, 0.0, 0.25), STILL, 0.5), np.array([0.0, 0.0, -0.5]), 200)
    assert "plane clearance" in {release.reason for release in sent}
    tips = min(KINEMATICS.pose(release.command.q).position[2] for release in sent) - 0.009
    assert 0.06 - 1e-6 < tips < 0.065


def test_the_hand_stays_off_the_column() -> None:
    """Folded back over the base, with no other bound in the way."""
    wide = {"tcp_lower_m": [-2.0, -2.0, -2.0], "tcp_upper_m": [2.0, 2.0, 2.0], "planes": []}
    guard = Guard(ROBOT, parse(GuardConfig, {**BOUNDS.model_dump(), **wide}, "x"), CELL.rates)
    free = parse(GuardConfig, {**BOUNDS.model_dump(), **wide, "self_clearance_m": 0.0}, "x")
    goal = np.array([0.0, -0.6, 0.0, -3.0, 0.0, 0.6, 0.785])
    reasons, stands = _follow(guard, REST, goal)
    assert "self clearance" in reasons
    closer = _follow(Guard(ROBOT, free, CELL.rates), REST, goal)[1]
    assert np.abs(closer - goal).max() < np.abs(stands - goal).max()


def _follow(guard: Guard, q: Array, goal: Array) -> tuple[set[str], Array]:
    last = guard.begin(q, STILL, 0.5)
    reasons = set()
    for _ in range(400):
        error = goal - last.setpoint.q
        wanted = np.clip(2.0 * error, -0.5, 0.5) - last.setpoint.dq
        ddq = np.clip(wanted / TICK, -0.3 * LIMITS.acceleration, 0.3 * LIMITS.acceleration)
        last = guard.release(last, accelerated(last, ddq, TICK))
        reasons.add(last.reason)
    return reasons, last.setpoint.q


def test_the_tcp_keeps_to_its_speed() -> None:
    slow = Guard(ROBOT.model_copy(update={"tcp_speed_m_s": 0.2}), BOUNDS, CELL.rates)
    sent = drive(slow, slow.begin(at(0.45, -0.3, 0.25), STILL, 0.5), np.array([0.0, 0.5, 0.0]), 60)
    places = np.array([KINEMATICS.pose(release.command.q).position for release in sent])
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / TICK
    assert "tcp speed" in {release.reason for release in sent}
    assert 0.19 < speeds.max() <= 0.2 * (1 + 1e-6)


def test_a_stop_on_which_the_tcp_would_be_too_fast_is_never_begun() -> None:
    """Joints 2, 4 and 6 turn so that the TCP rests; along the stop it no longer does."""
    _, jacobian = KINEMATICS.pose_and_jacobian(REST)
    dq = np.zeros(7)
    dq[[1, 3, 5]] = 2.0 * np.linalg.svd(jacobian[[0, 2]][:, [1, 3, 5]])[2][2]
    assert np.linalg.norm(KINEMATICS.pose(REST + TICK * dq).position - KINEMATICS.pose(REST).position) < 0.002 * TICK
    for speed, reason in ((0.01, ""), (0.002, "tcp speed")):
        guard = Guard(ROBOT.model_copy(update={"tcp_speed_m_s": speed}), BOUNDS, CELL.rates)
        last = guard.resume(Setpoint(REST, dq, STILL), 0.5)
        assert guard.release(last, accelerated(last, STILL, TICK)).reason == reason


def test_from_outside_it_lets_the_arm_come_back_but_no_farther_out() -> None:
    outside = at(0.45, 0.0, BOUNDS.tcp_upper_m[2] + 0.04)
    for direction in (1.0, -1.0):
        sent = drive(GUARD, standing(outside), np.array([0.0, 0.0, 0.3 * direction]), 150)
        end = KINEMATICS.pose(sent[-1].command.q).position[2]
        if direction > 0.0:
            assert end < BOUNDS.tcp_upper_m[2] + 0.041
            assert {release.reason for release in sent[1:]} == {"workspace"}
        else:
            assert end < BOUNDS.tcp_upper_m[2] - 0.1
            assert {release.reason for release in sent} == {""}


@pytest.mark.parametrize(
    "spoilt",
    [
        JointCommand(np.full(7, np.nan), STILL, 0.0),
        JointCommand(REST, np.full(7, np.inf), 0.0),
        JointCommand(REST[:3], STILL, 0.0),
        JointCommand(REST, STILL[:3], 0.0),
        JointCommand(REST[None], STILL[None], 0.0),
        JointCommand(REST, STILL, np.nan),
        JointCommand(REST, STILL, 1.001),
        JointCommand(REST, STILL, -1.001),
        JointCommand(np.full(7, 1e308), STILL, 0.0),
        JointCommand(REST + 0.1, STILL, 0.0),
        JointCommand(REST, np.full(7, 3.0), 0.0),
    ],
)
def test_a_spoilt_command_leaves_arm_and_gripper_as_they_are(spoilt: JointCommand) -> None:
    release = GUARD.release(standing(), spoilt)
    assert release.reason in ("not finite", "joint velocity")
    np.testing.assert_array_equal(release.command.q, REST)
    assert not release.command.dq.any()
    assert release.command.gripper == 0.5
    assert not release.setpoint.ddq.any()


def test_after_missed_ticks_the_arm_goes_on_without_a_jump() -> None:
    """A caller that skips ahead in its segment is held back: rates count from the command before."""
    last = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.4, 0.0]), 40)[-1]
    ahead = JointCommand(last.setpoint.q + 5 * TICK * last.setpoint.dq, last.setpoint.dq, 0.5)
    held = GUARD.release(last, ahead)
    assert held.reason in ("joint velocity", "joint acceleration")
    least = margins(last.setpoint, held.command.q[None], TICK)
    assert min(least["velocity"], least["acceleration"], least["jerk"]) > -1e-6


@pytest.mark.parametrize(("q", "dq"), [(np.full(7, np.nan), STILL), (REST, np.full(7, np.inf)), (REST + 9, STILL)])
def test_it_does_not_start_from_what_cannot_be(q: Array, dq: Array) -> None:
    with pytest.raises(ValueError, match="can't be started"):
        GUARD.begin(q, dq, 0.0)


def test_it_starts_in_motion_without_a_bump() -> None:
    dq = 0.2 * LIMITS.velocity
    begun = GUARD.begin(REST, dq, 1.3)
    np.testing.assert_array_equal(begun.command.q, REST)
    np.testing.assert_array_equal(begun.command.dq, dq)
    assert begun.command.gripper == 1.0
    assert GUARD.begin(REST, dq, -1.3).command.gripper == -1.0
    assert len(begun.stop.q) > 0
    assert GUARD.release(begun, accelerated(begun, STILL, TICK)).reason == ""


def test_a_segment_is_refused_for_any_of_its_ticks() -> None:
    path = CELL.control_path()
    path.reset(REST, STILL, 0.5)
    segment = path.preview(np.array([0.2, 0.0, 0.0, 0.0, 0.5])).segment
    assert GUARD.refusal(standing(), segment) == ""
    for index in range(len(segment.q)):
        q = segment.q.copy()
        q[index:] += 0.2
        assert GUARD.refusal(standing(), replace(segment, q=q)) == "joint velocity"


def test_the_bounds_must_make_sense() -> None:
    bounds = BOUNDS.model_dump()
    with pytest.raises(InputError, match="tcp_lower_m"):
        parse(GuardConfig, {**bounds, "tcp_lower_m": [0.8, -0.45, 0.0]}, "x")
    with pytest.raises(InputError, match="length 1"):
        parse(GuardConfig, {**bounds, "planes": [{"name": "p", "normal": [0.0, 0.0, 2.0], "offset_m": 0.0}]}, "x")


def test_the_setpoint_holds_the_slopes_of_what_was_sent() -> None:
    sent = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.4, 0.0]), 20)
    q = np.array([release.command.q for release in sent])
    dq = np.diff(q, axis=0) / TICK
    np.testing.assert_allclose(sent[-1].setpoint.dq, dq[-1], atol=1e-9)
    np.testing.assert_allclose(sent[-1].setpoint.ddq, (dq[-1] - dq[-2]) / TICK, atol=1e-6)
    assert isinstance(sent[-1].setpoint, Setpoint)


def test_the_certified_stop_passes_whatever_else_would_be_said_of_it() -> None:
    last = standing()
    far = np.array([REST + 0.1, REST + 0.2])
    last = replace(last, stop=Stop(far, np.zeros((2, 7))))
    wanted = JointCommand(far[0], STILL, 0.7)
    release = GUARD.release(last, wanted)
    assert release.command is wanted
    assert release.reason == ""
    np.testing.assert_array_equal(release.setpoint.q, far[0])
    np.testing.assert_array_equal(release.stop.q, far[1:])
    assert GUARD.release(last, replace(wanted, dq=STILL + 1e-9)).reason == "joint velocity"


def test_a_step_of_the_certified_stop_passes_where_no_other_would() -> None:
    """Too fast, too near to the box's side: what brakes as it may has nothing to answer for."""
    last = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.5, 0.0]), 30)[-1]
    side = KINEMATICS.pose(last.stop.q[-1]).position[1] - 0.01
    bounds = parse(GuardConfig, {**BOUNDS.model_dump(), "tcp_upper_m": [0.78, side, 0.60]}, "x")
    guard = Guard(ROBOT, bounds, CELL.rates)
    wanted = JointCommand(last.stop.q[0], last.stop.dq[0], 0.7)
    assert guard.release(last, wanted).command is wanted
    assert guard.release(last, wanted).reason == ""
    assert guard.release(last, accelerated(last, STILL, TICK)).reason == "workspace"


def test_it_looks_at_each_tick_too_not_only_along_the_stop() -> None:
    """The finger tips swing through their lowest point, and of all that is looked at only that is in the plane."""
    turn, clearance = np.eye(7)[5], Clearance(ROBOT, BOUNDS)

    def height(angle: float) -> float:
        return float(clearance.spare(REST + angle * turn)[6:13].min())

    lowest = min(np.arange(-0.5, -0.3, 1e-4).tolist(), key=height)
    plane = {"name": "tray", "normal": [0.0, 0.0, 1.0], "offset_m": height(lowest) + 4e-7}
    guard = Guard(ROBOT, parse(GuardConfig, {**BOUNDS.model_dump(), "planes": [plane]}, "x"), CELL.rates)
    sent = [guard.resume(Setpoint(REST + (lowest - 3 * TICK) * turn, turn, STILL), 0.5)]
    for _ in range(3):
        sent.append(guard.release(sent[-1], accelerated(sent[-1], STILL, TICK)))
    assert [release.reason for release in sent] == ["", "", "", "plane clearance"]


def test_it_looks_at_a_stop_every_32_ms_and_at_its_end() -> None:
    seen: list[Array] = []
    look = GUARD._clearance.look

    def looked(q: Array) -> Look:
        seen.append(q)
        return look(q)

    last = drive(GUARD, standing(at(0.45, 0.0, 0.2)), np.array([0.0, 0.6, 0.0]), 18)[-1]
    GUARD._clearance.look = looked  # type: ignore[method-assign]
    release = GUARD.release(last, accelerated(last, STILL, TICK))
    stop = release.stop.q
    assert len(stop) % 4 != 0
    np.testing.assert_array_equal(seen, [release.setpoint.q, *stop[3::4], stop[-1]])
    assert last.look is not None
    assert last.look[1] == pytest.approx(KINEMATICS.pose(last.setpoint.q).position)  # seen one tick before
    GUARD.release(replace(last, look=None), accelerated(last, STILL, TICK))
    np.testing.assert_array_equal(seen[len(seen) // 2 + 1], last.setpoint.q)


def test_a_joint_may_start_at_its_very_limit() -> None:
    for q in (LIMITS.lower, LIMITS.upper):
        assert GUARD.begin(q, STILL, 0.0).reason == ""


@pytest.mark.parametrize("gripper", [-1.0, 1.0])
def test_the_gripper_has_its_whole_range(gripper: float) -> None:
    assert GUARD.release(standing(), JointCommand(REST, STILL, gripper)).reason == ""
