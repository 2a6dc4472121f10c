"""The simulated world: one Bullet client with the arm, a table, a tray slot and one part.

A reset builds the world anew, about 2 ms without visual shapes: Bullet is bit-reproducible after
``resetSimulation``, but not after moving bodies back or restoring a state with contacts (bullet3 #2442).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robocell_controller.contract import Array, JointCommand
from robocell_controller.motion import RatesConfig
from robocell_controller.robot import RobotConfig
from robocell_envs.bullet import BulletClient, connect, pybullet
from robocell_envs.robot_description import ARM_JOINTS, FINGER_JOINTS, urdf_file
from robocell_envs.scenario import TRAY_HEIGHT, Scenario

_JOINTS = ARM_JOINTS + FINGER_JOINTS
_GRAVITY = -9.81  # m/s²
_TABLE_HALF = [0.5, 0.5, 0.02]  # m; the arm stands on it
_TABLE_CENTRE = [0.35, 0.0, -0.02]
_TRAY_HALF = [0.05, 0.05, TRAY_HEIGHT / 2]
_TABLE_COLOUR = [0.84, 0.82, 0.78, 1.0]
_TRAY_COLOUR = [0.16, 0.30, 0.42, 1.0]
_POSITION_GAINS = [0.4] * 7  # share of the position error corrected in one physics step
_VELOCITY_GAINS = [1.0] * 7
_GRIP_SPEED = 1.0  # m/s, see _Gripper
_WIDTH_GAIN = 20.0  # 1/s
_STALLED = 0.5  # share of the commanded speed below which the fingers are stopped by something
_LOST = 2.0  # share of the finger speed above which nothing is between the fingers any more


@dataclass(frozen=True, slots=True)
class Truth:
    """The true state of the world. Frame ``base``, SI units.

    Attributes:
        q: [7] rad.
        dq: [7] rad/s.
        tau: [7] N·m, torque of the drives.
        gripper_width: m.
        gripper_effort: N, force that both finger drives bear.
        part_position: [3] m, centre.
        part_yaw: rad.
        part_tilt: rad, angle between the part's axis and the vertical.
        part_speed: m/s.
    """

    q: Array
    dq: Array
    tau: Array
    gripper_width: float
    gripper_effort: float
    part_position: Array
    part_yaw: float
    part_tilt: float
    part_speed: float


class World:
    """One Bullet client; each env and each plant has its own."""

    def __init__(
        self,
        robot: RobotConfig,
        rates: RatesConfig,
        table_friction: float,
        solver_iterations: int,
        visual: bool = False,
    ) -> None:
        """Starts an empty client; :meth:`build` fills it."""
        self.client = connect()
        # Bound once: the client looks every function up anew at each call, which costs as much as a short call itself.
        self._drive_joints = self.client.setJointMotorControlArray
        self._step_physics = self.client.stepSimulation
        self._joint_states = self.client.getJointStates
        self._base_pose = self.client.getBasePositionAndOrientation
        self._base_velocity = self.client.getBaseVelocity
        self._urdf = str(urdf_file(robot.model_dump_json(), visual))
        self._robot = robot
        self._torque = robot.limits.torque.tolist()
        self._rates = rates
        substeps = rates.physics_hz // rates.controller_hz
        self._remaining = np.arange(substeps, 0, -1)[:, None] / rates.physics_hz  # s from each step to the tick's end
        self._table_friction = table_friction
        self._iterations = solver_iterations

    def close(self) -> None:
        """Frees the client; may be called twice."""
        if self.client.isConnected():
            self.client.disconnect()

    def build(self, scenario: Scenario, q: Array, dq: Array, gripper_width: float) -> None:
        """Clears the world and sets it up anew.

        Args:
            scenario: part and slot.
            q: joint positions of the arm, [7] rad.
            dq: joint velocities of the arm, [7] rad/s.
            gripper_width: between the pads, m.
        """
        client = self.client
        client.resetSimulation()
        client.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / self._rates.physics_hz,
            numSolverIterations=self._iterations,
            deterministicOverlappingPairs=1,
        )
        client.setGravity(0.0, 0.0, _GRAVITY)
        self.arm = self._add_arm(q, dq, gripper_width)
        self._add_fixture(_TABLE_HALF, _TABLE_CENTRE, [0.0, 0.0, 0.0, 1.0], _TABLE_COLOUR)
        slot = scenario.slot_position
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, scenario.slot_yaw])
        self._add_fixture(_TRAY_HALF, [slot[0], slot[1], TRAY_HEIGHT / 2], turn, _TRAY_COLOUR)
        self.part = self._add_part(scenario)
        self._gripper = _Gripper(client, self.arm, self._robot)

    def step(self, command: JointCommand) -> None:
        """Lets one controller tick pass with the drives following ``command``.

        As real drives do, these interpolate: each physics step is given the position where the joint should be at its
        start, and the velocity moves it on. One target for the whole tick would make the joints run ahead of it.
        """
        self._gripper.drive(command.gripper)
        speeds = command.dq.tolist()
        for targets in (command.q - self._remaining * command.dq).tolist():
            self._drive_joints(
                self.arm,
                ARM_JOINTS,
                pybullet.POSITION_CONTROL,
                targetPositions=targets,
                targetVelocities=speeds,
                forces=self._torque,
                positionGains=_POSITION_GAINS,
                velocityGains=_VELOCITY_GAINS,
            )
            self._step_physics()

    def truth(self) -> Truth:
        """Reads the true state."""
        states = self._joint_states(self.arm, _JOINTS)
        positions, speeds, _, torques = zip(*states, strict=True)
        position, (x, y, z, w) = self._base_pose(self.part)
        velocity, _ = self._base_velocity(self.part)
        return Truth(
            q=np.array(positions[:7]),
            dq=np.array(speeds[:7]),
            tau=np.array(torques[:7]),
            gripper_width=positions[7] + positions[8],
            gripper_effort=max(0.0, min(-torques[7], -torques[8])),
            part_position=np.array(position),
            part_yaw=math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)),
            part_tilt=math.acos(min(1.0, max(-1.0, 1 - 2 * (x * x + y * y)))),
            part_speed=math.hypot(*velocity),
        )

    def _add_arm(self, q: Array, dq: Array, gripper_width: float) -> int:
        client = self.client
        arm: int = client.loadURDF(self._urdf, useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE)
        for joint in range(-1, client.getNumJoints(arm)):
            client.changeDynamics(arm, joint, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        for joint in FINGER_JOINTS:
            client.changeDynamics(arm, joint, lateralFriction=self._robot.gripper.pad_friction)
            client.resetJointState(arm, joint, gripper_width / 2)
        for joint, angle, velocity in zip(ARM_JOINTS, q.tolist(), dq.tolist(), strict=True):
            client.resetJointState(arm, joint, angle, targetVelocity=velocity)
        return arm

    def _add_fixture(self, half: list[float], centre: list[float], turn: list[float], colour: list[float]) -> None:
        shape = self.client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        body = self.client.createMultiBody(0, shape, basePosition=centre, baseOrientation=turn)
        self.client.changeDynamics(body, -1, lateralFriction=self._table_friction)
        self.client.changeVisualShape(body, -1, rgbaColor=colour)

    def _add_part(self, scenario: Scenario) -> int:
        part = scenario.part
        half = [part.width / 2, part.width / 2, part.height / 2]
        shape = self.client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, scenario.part_yaw])
        body: int = self.client.createMultiBody(part.mass, shape, -1, scenario.part_position.tolist(), turn)
        self.client.changeDynamics(body, -1, lateralFriction=part.friction)
        self.client.changeVisualShape(body, -1, rgbaColor=[*part.colour, 1.0])
        return body


class _Gripper:
    """The drive of the two fingers, coupled as in the real hand.

    Bullet's solver builds a motor's force up by mass × velocity error per iteration, from zero in each step. With
    the fingers' own slow speed as target, ten iterations reach a fifth of the force and the part creeps out of the
    hand; so once the fingers are stalled on a part, the target speed is raised until the force limit is what acts.
    """

    def __init__(self, client: BulletClient, arm: int, robot: RobotConfig) -> None:
        self._joint_states = client.getJointStates
        self._drive_joints = client.setJointMotorControlArray
        self._arm = arm
        self._config = robot.gripper
        self._closing = False
        self._gripping = False
        self._driven = (0.0, 0.0)
        gear = client.createConstraint(
            arm, FINGER_JOINTS[0], arm, FINGER_JOINTS[1], pybullet.JOINT_GEAR, [0, 1, 0], [0, 0, 0], [0, 0, 0]
        )
        client.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=200.0)

    def drive(self, command: float) -> None:
        """One tick: [0, 1] goes to that share of the stroke, [-1, 0) grips with that share of the force."""
        (left, left_speed, *_), (right, right_speed, *_) = self._joint_states(self._arm, FINGER_JOINTS)
        if command < 0.0:
            speed, force = self._grip(-(left_speed + right_speed) / 2), -command * self._config.force_max_n
        else:
            self._closing = self._gripping = False
            limit = self._config.finger_speed_m_s
            gap = command * self._config.stroke_m - left - right
            speed, force = min(max(_WIDTH_GAIN * gap / 2, -limit), limit), self._config.force_max_n
        force = max(force, self._config.force_min_n)
        if (speed, force) == self._driven:
            return  # Bullet keeps a motor's target
        self._driven = (speed, force)
        self._drive_joints(
            self._arm,
            FINGER_JOINTS,
            pybullet.VELOCITY_CONTROL,
            targetVelocities=[speed, speed],
            forces=[force, force],
        )

    def _grip(self, closing_speed: float) -> float:
        limit = self._config.finger_speed_m_s
        if self._gripping:
            self._gripping = closing_speed < _LOST * limit
        else:
            self._gripping = self._closing and closing_speed < _STALLED * limit
        self._closing = True
        return -_GRIP_SPEED if self._gripping else -limit
