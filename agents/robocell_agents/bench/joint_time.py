"""How fast the joints can be by the data sheet: least times between two postures, and to raise the hand."""

from __future__ import annotations

import numpy as np
import ruckig
from scipy.optimize import brentq

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.robot import JointLimits
from robocell_controller.contract import Array

_FAR = 1.0  # rad: a joint that has this far to go speeds up all the way of a retreat


def reach(limits: JointLimits, time: float, dq: Array) -> Array:
    """How far up each joint gets within ``time`` s if it starts at ``dq`` [7] rad/s and ends at rest, [7] rad.

    It speeds up to a peak, keeps to it where that is the fastest it may turn, and brakes. Jerk is not limited:
    that makes the reach a smooth function, and larger than it is. How far down is ``-reach(limits, time, -dq)``,
    and in too short a time to stop the two cross.
    """
    peak = np.minimum(limits.velocity, (dq + limits.acceleration * time) / 2)
    speeding, braking = (peak - dq) / limits.acceleration, peak / limits.acceleration
    distance: Array = speeding * (dq + peak) / 2 + peak * (time - speeding - braking) + braking * peak / 2
    return distance


def travel_time(limits: JointLimits, q: Array, dq: Array, goal: Array) -> float:
    """Least time from ``q`` [7] rad at ``dq`` [7] rad/s to rest at ``goal`` [7] rad, s; limited in jerk.

    Each joint takes its own least time (Berscheid and Kröger 2021, doi:10.15607/RSS.2021.XVII.015) and waits for
    the last.
    """
    return float(_trajectory(limits, q, dq, goal).duration)


def rise_time(kinematics: Kinematics, limits: JointLimits, q: Array, height: float) -> float:
    """Least time from rest at ``q`` [7] rad until the TCP is at ``height`` m, moving as it may, s; limited in jerk.

    Every joint turns as fast as it can to the side that lifts the TCP. The TCP's height is monotone in each joint
    over so short a way, so none could help by turning less.
    """
    _, jacobian = kinematics.pose_and_jacobian(q)
    trajectory = _trajectory(limits, q, np.zeros_like(q), q + _FAR * np.sign(jacobian[2]))

    def missing(time: float) -> float:
        positions, _, _ = trajectory.at_time(time)
        return height - float(kinematics.pose(np.array(positions)).position[2])

    return float(brentq(missing, 0.0, trajectory.duration))


def _trajectory(limits: JointLimits, q: Array, dq: Array, goal: Array) -> ruckig.Trajectory:
    wanted = ruckig.InputParameter(len(q))
    wanted.synchronization = ruckig.Synchronization.No
    wanted.current_position, wanted.current_velocity, wanted.target_position = q.tolist(), dq.tolist(), goal.tolist()
    wanted.max_velocity, wanted.max_acceleration = limits.velocity.tolist(), limits.acceleration.tolist()
    wanted.max_jerk = limits.jerk.tolist()
    trajectory = ruckig.Trajectory(len(q))
    ruckig.Ruckig(len(q)).calculate(wanted, trajectory)
    return trajectory
