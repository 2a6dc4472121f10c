"""Kinematics of the TCP and the load that the joint torques show, with Pinocchio."""

from __future__ import annotations

import math

import eigenpy
import numpy as np
import pinocchio as pin

from robocell_controller.arm.robot import RobotConfig
from robocell_controller.contract import Array
from robocell_controller.record import record

_DAMPING = 1e-6 * np.eye(6)  # of the least squares, (m/rad)²: keeps the solution finite at singular postures
_FRAME = pin.LOCAL_WORLD_ALIGNED
_DOWN = np.diag([1.0, -1.0, -1.0])  # TCP rotation at yaw 0: x forward, z down


@record(frozen=True, slots=True)
class TcpPose:
    """TCP in frame ``base``: position [3] m, rotation matrix [3, 3]."""

    position: Array
    rotation: Array

    @property
    def yaw(self) -> float:
        """Rotation of the TCP's x axis about base z, rad."""
        return math.atan2(self.rotation.item(1, 0), self.rotation.item(0, 0))


class Kinematics:
    """Kinematics of one arm; ``model`` is Pinocchio's.

    Not thread-safe: it reuses Pinocchio's workspace, and remembers the last pose.
    """

    def __init__(self, robot: RobotConfig) -> None:
        """Builds the kinematic chain from the robot's joint placements."""
        self.model = pin.Model()
        joint = 0
        for index, values in enumerate(robot.joint_placements_rpy_xyz):
            joint = self.model.addJoint(joint, pin.JointModelRZ(), placement(values), f"joint{index + 1}")
            body = inertia(robot.link_inertials[f"panda_link{index + 1}"])
            self.model.appendBodyToJoint(joint, body, pin.SE3.Identity())
        self.model.appendBodyToJoint(joint, _hand(robot), placement(robot.hand_placement_rpy_xyz))
        frame = pin.Frame("tcp", joint, placement(robot.tcp_placement_rpy_xyz), pin.FrameType.OP_FRAME)
        self._tcp = self.model.addFrame(frame)
        self._data = self.model.createData()
        self._rest = np.array(robot.rest_posture_rad)
        self._square = eigenpy.LDLT(6)
        self._asked = b""  # the joint positions that the last pose and Jacobian belong to

    def pose(self, q: Array) -> TcpPose:
        """TCP pose at joint positions ``q`` [7] rad."""
        return self.pose_and_jacobian(q)[0]

    def pose_and_jacobian(self, q: Array) -> tuple[TcpPose, Array]:
        """TCP pose and Jacobian [6, 7]: base-aligned linear (m/s), then angular (rad/s) velocity per rad/s.

        They are for reading only: whoever asks next for the same joint positions is given the same arrays.
        """
        asked = q.tobytes()
        if asked != self._asked:
            jacobian = pin.computeFrameJacobian(self.model, self._data, q, self._tcp, _FRAME)
            matrix = pin.updateFramePlacement(self.model, self._data, self._tcp).homogeneous
            self._answer = TcpPose(matrix[:3, 3], matrix[:3, :3]), jacobian
            self._asked = asked
        return self._answer

    def solve(self, jacobian: Array, twist: Array, preferred: Array) -> Array:
        """Joint velocity [7] that gives the TCP ``twist`` [6] and otherwise stays near ``preferred`` [7] rad/s."""
        self._factorise(jacobian)
        solution: Array = jacobian.T.dot(self._square.solve(twist - jacobian.dot(preferred)))
        solution += preferred
        return solution

    def lift_force(self, jacobian: Array, q: Array, dq: Array, ddq: Array, tau: Array) -> float:
        """Upward force at the TCP, N, that the joint torques bear beyond the arm's own weight and inertia.

        Args:
            jacobian: at ``q``, [6, 7], as :meth:`pose_and_jacobian` gives it.
            q: joint positions, [7] rad.
            dq: joint velocities, [7] rad/s.
            ddq: joint accelerations, [7] rad/s².
            tau: joint torques, [7] N·m.
        """
        beyond = self.torque_beyond_own(q, dq, ddq, tau)
        self._factorise(jacobian)
        return float(self._square.solve(jacobian.dot(beyond))[2])

    def torque_beyond_own(self, q: Array, dq: Array, ddq: Array, tau: Array) -> Array:
        """What the joint torques ``tau`` bear beyond the arm's own weight and inertia, [7] N·m."""
        beyond: Array = tau - pin.rnea(self.model, self._data, q, dq, ddq)
        return beyond

    def inverse(self, position: Array, yaw: float) -> Array:
        """Joint positions [7] that put the TCP at ``position`` [3] m, pointing down, at ``yaw`` rad.

        Gauss-Newton from the rest posture; meant for start poses and taught points inside the work area.

        Raises:
            ValueError: the point is out of reach.
        """
        q = self._rest.copy()
        rotation = pin.rpy.rpyToMatrix(0.0, 0.0, yaw) @ _DOWN
        for _ in range(100):
            pose, jacobian = self.pose_and_jacobian(q)
            error = np.concatenate([position - pose.position, pin.log3(rotation @ pose.rotation.T)])
            greatest = np.abs(error).max()
            if greatest < 1e-10:
                return q
            q = q + self.solve(jacobian, error, 0.1 * (self._rest - q) * greatest)
        raise ValueError(f"no joint positions reach {position} m at yaw {yaw:.3f} rad")

    def _factorise(self, jacobian: Array) -> None:
        square = jacobian.dot(jacobian.T)  # for arrays this small a third quicker than ``@``
        square += _DAMPING
        self._square.compute(square)


def placement(rpy_xyz: list[float]) -> pin.SE3:
    """Placement from roll, pitch, yaw (rad) and x, y, z (m)."""
    return pin.SE3(pin.rpy.rpyToMatrix(*rpy_xyz[:3]), np.array(rpy_xyz[3:]))


def inertia(values: list[float]) -> pin.Inertia:
    """Inertia from mass (kg), centre of mass (m) and xx, xy, xz, yy, yz, zz (kg·m²) about it."""
    mass, x, y, z, xx, xy, xz, yy, yz, zz = values
    return pin.Inertia(mass, np.array([x, y, z]), np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))


def _hand(robot: RobotConfig) -> pin.Inertia:
    """Hand and fingers, the latter as points halfway to the TCP."""
    reach = np.array(robot.tcp_placement_rpy_xyz[3:]) - np.array(robot.hand_placement_rpy_xyz[3:])
    fingers = pin.Inertia(2.0 * robot.gripper.finger_mass_kg, 0.5 * reach, np.zeros((3, 3)))
    return inertia(robot.link_inertials["panda_hand"]) + fingers
