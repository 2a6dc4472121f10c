"""The simulated world: one Bullet client with the arm, a table, a tray slot and one part.

A reset takes out all but the table and the arm, which goes to its start pose, and adds the rest anew, so that nothing
is left of what has touched: that is bit-reproducible, as ``resetSimulation`` is, and takes a third of the time. Moving
bodies back or restoring a state with contacts is not (bullet3 #2442).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from robocell_controller.arm.motion import RatesConfig
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.contract import JOINTS, Array
from robocell_controller.record import record
from robocell_envs.config.faults import SOUND, Faults, friction_torque
from robocell_envs.config.simulation import SolverConfig
from robocell_envs.engine.belt import Belt
from robocell_envs.engine.bullet import connect, number, pybullet, quiet
from robocell_envs.engine.gripper import COLLIDES, Gripper
from robocell_envs.engine.lifetime import Unique, retire
from robocell_envs.engine.robot_description import ARM_JOINTS, FINGER_JOINTS, urdf_file
from robocell_envs.engine.shapes import collision_shape
from robocell_envs.engine.window import connect_window
from robocell_envs.scene.fixtures import (
    TABLE_CENTRE,
    TABLE_HALF,
    TRAY_COLOUR,
    Fixture,
    camera_fixtures,
    station_fixtures,
)
from robocell_envs.scene.jobs import TRAY_HEIGHT
from robocell_envs.scene.parts import Part
from robocell_envs.scene.scenario import TRAY_WIDTH, Scenario

_JOINTS = ARM_JOINTS + FINGER_JOINTS
_GRAVITY = -9.81  # m/s²
_TRAY_HALF = [TRAY_WIDTH / 2, TRAY_WIDTH / 2, TRAY_HEIGHT / 2]
_TABLE_COLOUR = [0.84, 0.82, 0.78, 1.0]
# N: iterations build a motor's force up bit by bit, so a firmer grip takes them twice or three times over. With fewer
# the finger that is to hold its place gives way, and the part wanders through the hand.
_FIRM = 28.0
_ROLLING = 0.001  # m, lever of rolling resistance: without it a disc wobbles on its rim for ever
# m, lever at which a pad's friction acts against turning: the mean distance from the middle of a square of its size,
# 0.38 × its side, under even pressure. Bullet's few contact points bear the force unevenly, and the part would turn.
_PAD_LEVER = 0.0067
_ARM_GAINS = ([1.0] * JOINTS,) * 2  # shares of position and velocity error that are corrected in one physics step
_ERROR_REDUCTION = 0.4  # share of an overlap, or of an anchor's stretch, that is corrected in one physics step
_KEPT = 2  # bodies that stay in a world that is not built from nothing: arm and table
_BUILDS = 100  # worlds between two that are built from nothing
_ANY_BODY, _ANY_LINK = -1, -2  # in a question for contacts
_POSITION_CONTROL: int = pybullet.POSITION_CONTROL
_drive_joints, _step_physics = pybullet.setJointMotorControlArray, pybullet.stepSimulation
_reset_joint = pybullet.resetJointState
_joint_states, _contacts = pybullet.getJointStates, pybullet.getContactPoints
_base_pose, _base_velocity = pybullet.getBasePositionAndOrientation, pybullet.getBaseVelocity


Targets = list[tuple[Sequence[list[float]], list[float]]]  # of each tick: positions at its physics steps, and speeds


@record(frozen=True, slots=True)
class Truth:
    """The true state of the world. Frame ``base``, SI units.

    Attributes:
        joints: [21], positions, velocities and torques as below.
        gripper_width: m.
        gripper_effort: N, force that both finger drives bear.
        part_position: [3] m, centre.
        part_yaw: rad.
        part_tilt: rad, angle between the part's axis and the vertical.
        part_speed: m/s.
        part_force: N, the greatest force of one finger on the part.
        impact: N, the greatest vertical force of the open hand on the part since ``forget_forces``.
        press: N, the greatest force of the hand on all that is not the part since then.
        belt_travel: m, that the belt's drum has gone since the world was built.
    """

    joints: Array
    gripper_width: float
    gripper_effort: float
    part_position: Array
    part_yaw: float
    part_tilt: float
    part_speed: float
    part_force: float
    impact: float
    press: float
    belt_travel: float

    @property
    def q(self) -> Array:
        """[7] rad."""
        return self.joints[:JOINTS]

    @property
    def dq(self) -> Array:
        """[7] rad/s."""
        return self.joints[JOINTS : 2 * JOINTS]

    @property
    def tau(self) -> Array:
        """[7] N·m, torque of the drives, which overcomes the joints' friction too."""
        return self.joints[2 * JOINTS :]


class World(Unique):
    """One Bullet client; each env and each plant has its own."""

    def __init__(
        self,
        robot: RobotConfig,
        rates: RatesConfig,
        table_friction: float,
        solver_iterations: SolverConfig,
        visual: bool = False,
        window: bool = False,
    ) -> None:
        """Starts an empty client; :meth:`build` fills it."""
        self.client = connect_window() if window else connect()
        self._client = number(self.client)
        self._builds = 0
        self._built: list[Gripper | Belt] = []  # what goes on with the client's number by itself
        self._robot, self._visual = robot, visual
        self._rates = rates
        self._time_step = 1.0 / rates.physics_hz
        self._substeps = rates.physics_hz // rates.controller_hz
        # s from the start of each physics step to the end of its tick, [steps, 1]
        self._remaining = np.array([[steps / rates.physics_hz] for steps in range(self._substeps, 0, -1)])
        self._table_friction = table_friction
        self._iterations = solver_iterations

    def close(self) -> None:
        """Frees the client; may be called twice. Other methods raise ``ClosedEnvironmentError`` from now on."""
        if self.client.isConnected():  # not if its window was closed by hand
            with quiet():
                self.client.disconnect()
        for each in (self, *self._built):
            retire(each)

    def build(self, scenario: Scenario, q: Array, dq: Array, gripper_width: float) -> None:
        """Clears the world and sets it up anew.

        Args:
            scenario: part and slot.
            q: joint positions of the arm, [7] rad.
            dq: joint velocities of the arm, [7] rad/s.
            gripper_width: between the pads, m.
        """
        self._clear(anew=scenario.recipe is not None or self._builds % _BUILDS == 0)
        self._place_arm(q, dq, gripper_width)
        self._stepped = False
        self._add_stations(scenario)
        self.part = self._add_part(scenario.part, scenario.part_position, scenario.part_yaw)
        self.belt = Belt(self.client, scenario.belt, self._visual) if scenario.belt else None
        if self.belt:
            self.belt.carry(self.part, scenario.part)
        else:
            self.rest(self.part)
        self.near, self._resting = False, self.belt is None
        self._lies: tuple[Array, float, float, float] | None = None
        self.forget_forces()
        self._faults, self._stiff = SOUND, False
        self._torque = self._robot.limits.torque.tolist()
        self._iterate(self._iterations.open)
        self.gripper = Gripper(self.client, self.arm, self._robot, self._rates.physics_hz)
        self._built = [self.gripper, self.belt] if self.belt else [self.gripper]

    def impair(self, faults: Faults) -> None:
        """Lets faults of gripper, joints and belt act from now on."""
        self._faults, self._stiff = faults, any(faults.joint_friction_n_m)
        self.gripper.wear(faults.gripper_force_share, faults.pad_friction_share)
        self._torque = (self._robot.limits.torque - faults.joint_friction_n_m).tolist()
        if self.belt:
            self.belt.speed_share, self.belt.friction_share = faults.belt_speed_share, faults.belt_friction_share

    def follow(self, q: Array, dq: Array, gripper: float) -> None:
        """Lets one controller tick pass for each row of the setpoints ``q`` rad and ``dq`` rad/s, both [ticks, 7].

        As real drives do, these interpolate: each physics step is given the position where the joint should be at its
        start, and the velocity moves it on. One target for the whole tick would make the joints run ahead of it.
        ``gripper`` is a command as in ``JointCommand``.
        """
        self.prepare(gripper)
        self._stepped = True
        belt, arm, torque, client = self.belt, self.arm, self._torque, self._client
        closing = gripper < 0.0
        self.gripper.drive(gripper, self.near)
        for tick, (positions, speed) in enumerate(self.joint_targets(q, dq)):
            if closing and tick:  # an open hand is told once where to go; one that closes looks how far it has come
                self.gripper.drive(gripper, self.near)
            for position in positions:
                _drive_joints(arm, ARM_JOINTS, _POSITION_CONTROL, position, speed, torque, *_ARM_GAINS, client)
                if belt:
                    belt.drive(self._time_step, self.near)
                _step_physics(client)
            if self.near and not closing:
                self._watch_hand(closing)
        if self.near and closing:  # its grip has many contacts, which take long to look through
            self._watch_hand(closing)

    def expect_hand(self, near: bool) -> None:
        """Says whether the hand may touch the part before it is said again: as long as not, the part may sleep.

        Nobody looks for contacts meanwhile, and a hand that closes takes no more solver iterations than an open one.
        """
        self.near = near
        if near and self._resting:
            self._stay_awake(self.part)

    def prepare(self, gripper: float) -> None:
        """Sets the solver to what the command ``gripper`` asks of it."""
        iterations = self._iterations.open
        if gripper < 0.0 and self.near:
            iterations = self._iterations.gripping * math.ceil(-gripper * self._robot.gripper.force_max_n / _FIRM)
        if iterations != self._iterating:
            self._iterate(iterations)

    def joint_targets(self, q: Array, dq: Array) -> Targets:
        """For each row of the setpoints, see :meth:`follow`: targets of its physics steps (rad), and their speed."""
        positions = q[:, None] - self._remaining * dq[:, None]
        return list(zip(positions.tolist(), dq.tolist(), strict=True))

    def step(self, position: list[float], speed: list[float]) -> None:
        """Lets one physics step pass, the arm's drives with these targets, rad and rad/s, and nothing else."""
        arm, client = self.arm, self._client
        _drive_joints(arm, ARM_JOINTS, _POSITION_CONTROL, position, speed, self._torque, *_ARM_GAINS, client)
        _step_physics(client)

    def _iterate(self, iterations: int) -> None:
        """A part between two pads takes the solver many iterations; all else takes few."""
        self._iterating = iterations
        self.client.setPhysicsEngineParameter(numSolverIterations=iterations)

    def truth(self) -> Truth:
        """Reads the true state."""
        client = self._client
        states = _joint_states(self.arm, _JOINTS, client)
        self.gripper.seen = states[JOINTS:]
        positions, speeds, _, torques = zip(*states, strict=True)
        if not self._stepped:
            torques = (0.0,) * len(_JOINTS)  # Bullet still tells those of the world before
        joints = np.array(positions[:JOINTS] + speeds[:JOINTS] + torques[:JOINTS])
        if self._stiff:
            joints[2 * JOINTS :] += friction_torque(self._faults, joints[JOINTS : 2 * JOINTS])
        if not self._resting or self._lies is None:  # a part that sleeps stays where it is
            self._lies = self._part_pose()
        position, yaw, tilt, speed = self._lies
        return Truth(
            joints,
            positions[7] + positions[8],
            max(0.0, min(-torques[7], -torques[8])),
            position,
            yaw,
            tilt,
            speed,
            self._part_force() if self.near else 0.0,
            self.impact,
            self.press,
            self.belt.travel if self.belt else 0.0,
        )

    def _part_pose(self) -> tuple[Array, float, float, float]:
        """The part's position [3] m, yaw and tilt, rad, and speed, m/s."""
        position, (x, y, z, w) = _base_pose(self.part, self._client)
        velocity, _ = _base_velocity(self.part, self._client)
        yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        tilt = math.acos(min(1.0, max(-1.0, 1 - 2 * (x * x + y * y))))
        return np.array(position), yaw, tilt, math.hypot(*velocity)

    def enter(self, part: Part, position: Array, yaw: float) -> int:
        """Another part comes, its centre at ``position`` [3] m: onto the belt, or to wait asleep."""
        body = self._add_part(part, position, yaw)
        if self.belt:
            self.belt.carry(body, part)
        else:
            self.rest(body)
        return body

    def turn_to(self, body: int) -> None:
        """From now on this part is the one that is picked and measured; it stays awake."""
        self._stay_awake(body)
        self.part = body
        self.forget_forces()

    def settle(self, body: int) -> None:
        """A part is done with: it stays where it is, and the belt has nothing to do with it any more."""
        if self.belt:
            self.belt.release(body)

    def halt_belt(self, halted: bool) -> None:
        """Stops the belt, or lets it run again."""
        if self.belt:
            self.belt.halted = halted

    def rest(self, body: int) -> None:
        """Lets a part sleep that lies still: it costs nothing until something that moves touches it."""
        states = pybullet.ACTIVATION_STATE_ENABLE_SLEEPING | pybullet.ACTIVATION_STATE_SLEEP
        self.client.changeDynamics(body, -1, activationState=states)

    def _stay_awake(self, body: int) -> None:
        self.client.changeDynamics(body, -1, activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING)
        self._resting = False

    def leave(self, body: int) -> None:
        """A part is taken out of the cell."""
        if self.belt:
            self.belt.release(body)
        self.client.removeBody(body)

    def position(self, body: int) -> Array:
        """Centre of a part, [3] m."""
        return np.array(_base_pose(body, self._client)[0])

    def penetration(self) -> float:
        """How deep hand and part overlap, m."""
        return max((-contact[8] for contact in self._hand_contacts()), default=0.0)

    def _hand_contacts(self) -> tuple[Any, ...]:
        """Contacts of hand and part, as Bullet tells them."""
        found: tuple[Any, ...] = _contacts(self.arm, self.part, _ANY_LINK, _ANY_LINK, self._client)
        return found

    def forget_forces(self) -> None:
        """From now on ``impact`` and ``press`` are those of forces to come."""
        self.impact = self.press = 0.0

    def _watch_hand(self, closing: bool) -> None:
        """An open hand should not strike the part, and no hand what is not the part: table, tray, belt, others."""
        press, part = 0.0, self.part
        for contact in _contacts(self.arm, _ANY_BODY, _ANY_LINK, _ANY_LINK, self._client):
            if contact[2] != part:
                press += contact[9]
            elif not closing:
                self.impact = max(self.impact, abs(contact[7][2]) * contact[9])
        self.press = max(self.press, press)

    def _part_force(self) -> float:
        forces: dict[int, float] = {}
        for contact in self._hand_contacts():
            forces[contact[3]] = forces.get(contact[3], 0.0) + contact[9]
        return max(forces.values(), default=0.0)

    def _clear(self, anew: bool) -> None:
        """Leaves nothing but arm and table; makes these anew too if ``anew``.

        Only that frees the shapes of former parts, and is exact after parts that have left the cell early.
        """
        client = self.client
        if not anew:
            for index in reversed(range(_KEPT, client.getNumBodies())):
                client.removeBody(client.getBodyUniqueId(index))
            client.performCollisionDetection()
        else:
            # A plain broadphase looks at all pairs in each step, and so remembers nothing of the world before.
            client.resetSimulation(pybullet.RESET_USE_SIMPLE_BROADPHASE)
            client.setPhysicsEngineParameter(
                fixedTimeStep=self._time_step,
                deterministicOverlappingPairs=1,
                erp=_ERROR_REDUCTION,
                contactERP=_ERROR_REDUCTION,
                frictionERP=_ERROR_REDUCTION,
            )
            client.setGravity(0.0, 0.0, _GRAVITY)
            self.arm = self._add_arm()
            self._boxes: dict[tuple[float, ...], int] = {}
            self._add_fixture(TABLE_HALF, TABLE_CENTRE, [0.0, 0.0, 0.0, 1.0], _TABLE_COLOUR)
        self._builds += 1

    def _add_arm(self) -> int:
        client = self.client
        with urdf_file(self._robot, self._visual) as path:
            arm: int = client.loadURDF(path, useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE)
        for joint in range(-1, client.getNumJoints(arm)):
            client.changeDynamics(arm, joint, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        # A friction anchor remembers where two surfaces met and takes out the creep that the solver's few iterations
        # leave: over 5 s of shaking 0.1 mm instead of 1.6 mm.
        for joint in range(-1, client.getNumJoints(arm)):
            client.setCollisionFilterGroupMask(arm, joint, *COLLIDES)
        for joint in FINGER_JOINTS:
            client.changeDynamics(arm, joint, frictionAnchor=1, spinningFriction=_PAD_LEVER)
        return arm

    def _place_arm(self, q: Array, dq: Array, gripper_width: float) -> None:
        client, friction = self._client, self._robot.gripper.pad_friction
        for joint in FINGER_JOINTS:
            self.client.changeDynamics(self.arm, joint, lateralFriction=friction)
            _reset_joint(self.arm, joint, gripper_width / 2, 0.0, client)
        for joint, angle, velocity in zip(ARM_JOINTS, q.tolist(), dq.tolist(), strict=True):
            _reset_joint(self.arm, joint, angle, velocity, client)

    def _add_fixture(self, half: list[float], centre: list[float], turn: list[float], colour: list[float]) -> None:
        shape = self._boxes.get(tuple(half))
        if shape is None:
            shape = self.client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
            self._boxes[tuple(half)] = shape
        body = self.client.createMultiBody(0, shape, -1, centre, turn, useMaximalCoordinates=True)
        self.client.changeDynamics(body, -1, lateralFriction=self._table_friction)
        self._paint(body, colour)

    def _add_stations(self, scenario: Scenario) -> None:
        if scenario.recipe is None:
            slot = scenario.slot_position
            turn = pybullet.getQuaternionFromEuler([0.0, 0.0, scenario.slot_yaw])
            self._add_fixture(_TRAY_HALF, [slot[0], slot[1], TRAY_HEIGHT / 2], turn, TRAY_COLOUR)
            return
        for station in (*scenario.recipe.trays.values(), *scenario.recipe.bins.values()):
            for each in station_fixtures(station):
                turn = pybullet.getQuaternionFromEuler([0.0, 0.0, each.yaw])
                self._add_fixture(each.half, each.centre, turn, each.colour)
        if self._visual and scenario.recipe.camera:
            for each in camera_fixtures(scenario.recipe.camera):
                self._draw(each)

    def _draw(self, fixture: Fixture) -> None:
        """Adds what is seen but touches nothing."""
        shape = self.client.createVisualShape(pybullet.GEOM_BOX, halfExtents=fixture.half, rgbaColor=fixture.colour)
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, fixture.yaw])
        self.client.createMultiBody(0, -1, shape, fixture.centre, turn)

    def _add_part(self, part: Part, position: Array, yaw: float) -> int:
        shape = collision_shape(self.client, part)
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, yaw])
        place = position.tolist()
        # Maximal coordinates: a plain rigid body, which costs less than a multibody without joints.
        body: int = self.client.createMultiBody(part.mass, shape, -1, place, turn, useMaximalCoordinates=True)
        self.client.changeDynamics(
            body,
            -1,
            lateralFriction=part.friction,
            linearDamping=0.0,
            angularDamping=0.0,
        )
        if part.kind == "cylinder":
            self.client.changeDynamics(body, -1, rollingFriction=_ROLLING, spinningFriction=_ROLLING)
        self._paint(body, [*part.colour, 1.0])
        return body

    def _paint(self, body: int, colour: list[float]) -> None:
        if self._visual:
            self.client.changeVisualShape(body, -1, rgbaColor=colour)
