from __future__ import annotations

import numpy as np
import pytest

from robocell_controller.arm.motion import Motion, MotionConfig, RatesConfig, gripper_action, gripper_command
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import parse
from robocell_controller.contract import Array, Setpoint
from robocell_controller.errors import InputError

_OVERSHOOT = 0.004  # m over the edge of the work area, from full speed


@pytest.fixture(scope="module")
def motion(cell: CellConfig) -> Motion:
    return Motion(cell.load_robot(), cell.motion, cell.rates)


def play(motion: Motion, start: Setpoint, action: Array, periods: int, tick: float) -> Setpoint:
    setpoint = start
    for _ in range(periods):
        segment = motion.plan(setpoint, action)
        ddq = (segment.dq[-1] - segment.dq[-2]) / tick
        setpoint = Setpoint(segment.q[-1], segment.dq[-1], ddq)
    return setpoint


@pytest.fixture
def start(motion: Motion, cell: CellConfig) -> Setpoint:
    """Standing in the middle of the work area."""
    centre = (np.array(cell.motion.workspace_lower_m) + np.array(cell.motion.workspace_upper_m)) / 2
    return Setpoint(motion.kinematics.inverse(centre, 0.0), np.zeros(7), np.zeros(7))


def tcp_velocity(motion: Motion, setpoint: Setpoint) -> Array:
    _, jacobian = motion.kinematics.pose_and_jacobian(setpoint.q)
    return jacobian @ setpoint.dq


def test_a_pose_is_that_of_the_joint_positions_as_they_are_when_asked(motion: Motion, start: Setpoint) -> None:
    kinematics, q = motion.kinematics, start.q.copy()
    before, jacobian = kinematics.pose_and_jacobian(q)
    assert kinematics.pose(q.copy()) is before  # remembered
    q[0] += 0.1
    turned, other = kinematics.pose_and_jacobian(q)
    assert turned.yaw == pytest.approx(before.yaw + 0.1) and np.abs(other - jacobian).max() > 0.01
    np.testing.assert_array_equal(kinematics.pose(start.q).position, before.position)


@pytest.mark.parametrize("axis", range(3))
def test_an_action_is_a_tcp_velocity(motion: Motion, cell: CellConfig, start: Setpoint, axis: int) -> None:
    action = np.zeros(5)
    action[axis] = 0.2
    moved = play(motion, start, action, 6, cell.rates.tick)
    expected = np.zeros(6)
    expected[axis] = 0.2 * cell.motion.tcp_speed_m_s
    np.testing.assert_allclose(tcp_velocity(motion, moved), expected, atol=0.02)


def test_the_fourth_number_turns_the_tcp_about_the_vertical(motion: Motion, cell: CellConfig, start: Setpoint) -> None:
    moved = play(motion, start, np.array([0.0, 0.0, 0.0, 0.2, 0.0]), 6, cell.rates.tick)
    expected = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.2 * cell.motion.yaw_rate_rad_s])
    np.testing.assert_allclose(tcp_velocity(motion, moved), expected, atol=0.05)


def test_zero_stops_the_tcp(motion: Motion, cell: CellConfig, start: Setpoint) -> None:
    moving = play(motion, start, np.array([0.3, -0.3, 0.1, 0.0, 0.0]), 6, cell.rates.tick)
    stopped = play(motion, moving, np.zeros(5), 10, cell.rates.tick)
    assert np.abs(tcp_velocity(motion, moving)).max() > 0.2
    assert np.abs(tcp_velocity(motion, stopped)).max() < 0.01


@pytest.mark.parametrize("direction", [*np.eye(5)[:3], *-np.eye(5)[:3]])
def test_the_tcp_turns_back_at_the_edge_of_the_work_area_and_stays_upright(
    motion: Motion, cell: CellConfig, start: Setpoint, direction: Array
) -> None:
    setpoint = start
    for _ in range(60):
        setpoint = play(motion, setpoint, direction, 1, cell.rates.tick)
        pose = motion.kinematics.pose(setpoint.q)
        assert (pose.position > np.array(cell.motion.workspace_lower_m) - _OVERSHOOT).all()
        assert (pose.position < np.array(cell.motion.workspace_upper_m) + _OVERSHOOT).all()
        assert pose.rotation[2, 2] < np.cos(np.pi - 0.05)


def test_velocities_are_the_slopes_of_the_positions(motion: Motion, cell: CellConfig, start: Setpoint) -> None:
    segment = motion.plan(start, np.array([0.5, -0.2, 0.3, 0.4, -0.7]))
    slopes = np.diff(segment.q, axis=0, prepend=start.q[None]) / cell.rates.tick
    assert segment.q.shape == (cell.rates.ticks, 7)
    np.testing.assert_allclose(segment.dq, slopes, atol=1e-9)
    assert segment.gripper == pytest.approx(gripper_command(-0.7))


def test_gripper_commands_and_actions_are_inverse_and_monotone() -> None:
    actions = np.linspace(-1, 1, 41)
    commands = [gripper_command(action) for action in actions.tolist()]
    np.testing.assert_allclose([gripper_action(command) for command in commands], actions, atol=1e-12)
    assert (np.diff(commands) > 0).all()
    assert (commands[0], commands[-1]) == (-1.0, 1.0)


def test_rates_must_be_multiples() -> None:
    with pytest.raises(InputError, match="whole multiple"):
        parse(RatesConfig, {"policy_hz": 25, "controller_hz": 120, "physics_hz": 240}, "x")


def test_the_work_area_must_have_a_volume(cell: CellConfig) -> None:
    content = {**cell.motion.model_dump(), "workspace_upper_m": [0.3, 0.1, 0.1]}
    with pytest.raises(InputError, match="workspace_lower_m"):
        parse(MotionConfig, content, "x")


@pytest.mark.parametrize(("action", "command"), [(-1.0, -0.3), (-0.5, -0.25), (0.0, 0.0), (0.8, 0.8)])
def test_a_grip_is_no_firmer_than_may_be(motion, start, action, command):
    assert motion.plan(start, [0.0, 0.0, 0.0, 0.0, action], firmest=0.3).gripper == pytest.approx(command)


def test_an_escape_leads_up_from_where_no_action_does(cell: CellConfig) -> None:
    """The hand low and close to the base, the last joint wound up to its limit."""
    path, rise = cell.control_path(), np.array([0.0, 0.0, 1.0, 0.0, 1.0])
    path.reset(np.array([-0.61, 0.32, 0.29, -2.81, -1.35, 3.05, -2.87]), np.zeros(7), 1.0)
    position = path.kinematics.pose(path.setpoint.q).position
    for _ in range(50):
        assert path.command(rise).reason == ""
    assert np.linalg.norm(path.kinematics.pose(path.setpoint.q).position - position) < 0.03
    above = np.array([0.5, 0.2, 0.25])
    reasons = {path.escape(above).reason for _ in range(75)}
    assert reasons == {""}
    np.testing.assert_allclose(path.kinematics.pose(path.setpoint.q).position, above, atol=1e-3)
    assert np.abs(path.setpoint.dq).max() < 0.3  # the hand may still turn
