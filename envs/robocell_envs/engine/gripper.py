"""The simulated drive of the gripper's two fingers."""

from __future__ import annotations

from typing import Any

from robocell_controller.arm.robot import RobotConfig
from robocell_envs.engine.bullet import BulletClient, number, pybullet
from robocell_envs.engine.lifetime import Unique
from robocell_envs.engine.robot_description import FINGER_JOINTS

_GRIP_SPEED = 0.4  # m/s, see Gripper
_COUPLING_FORCE = 300.0  # N, which the coupling of the fingers bears
_WIDTH_GAIN = 20.0  # 1/s, of the fingers' position control
_STALLED = 0.5  # share of one finger's speed: a width that changes less is held by something
# Of a shape's size: contact points that have crept farther off their place are dropped. Bullet's own 2 % are 0.3 mm of
# a pad: when its anchored points are dropped, then for one step nothing holds the finger, and it leaps into the part.
_DROPPED, _DROPPED_FROM_PADS = 0.02, 0.1
COLLIDES = (4, ~4)  # group of the arm's links, and mask of the groups that they may touch: all but their own
_FREE, _CLOSING, _GRIPPING = range(3)
_LOST = 2.0  # share of the finger speed above which nothing is between the fingers any more
_RISE = 5.0  # N, by which a grip gets firmer in one tick
_HOLD_GAIN = 0.4  # share of the position error corrected in one physics step
_POSITION: int = pybullet.POSITION_CONTROL
_SPEED: int = pybullet.VELOCITY_CONTROL
_drive_joint, _joint_states = pybullet.setJointMotorControl2, pybullet.getJointStates


class Gripper(Unique):
    """The drive of the two fingers, which in the real hand are coupled by a belt.

    Free fingers move alike and so stay together. Once both are stalled on something, the left one holds its place, as
    the belt would not let them drift together, and the right one presses. Bullet's solver builds a motor's force up by
    mass × velocity error per iteration, from zero in each step: with the fingers' own slow speed as target ten
    iterations reach a fifth of the force, so the pressing finger's target is raised until the force limit is what acts.
    The force rises from zero: at once in full it makes the part spin between the pads, and a finger leap into it.

    Attributes:
        seen: the fingers' joint states, if they have been read since the last physics step: asking again is slow.
    """

    def __init__(self, client: BulletClient, arm: int, robot: RobotConfig, physics_hz: int) -> None:
        self._client = client
        self._number = number(client)
        self._arm = arm
        self._config = robot.gripper
        self._speed = robot.gripper.finger_speed_m_s
        self._gain = _WIDTH_GAIN / physics_hz
        self._state = _FREE
        self._pressed = 0.0
        self._driven: float | None = None
        self._force_share = self._pad_share = 1.0
        self.seen: tuple[Any, ...] | None = None

    def drive(self, command: float, near: bool) -> None:
        """One tick: [0, 1] goes to that share of the stroke, [-1, 0) grips with that share of the force.

        ``near`` says whether the part is, so that the pads may touch it.
        """
        if command < 0.0:
            force = max(-command * self._config.force_max_n, self._config.force_min_n)
            self._close(self._force_share * force, near)
        elif command != self._driven or self._state != _FREE:
            for joint in FINGER_JOINTS:
                self._go(joint, command * self._config.stroke_m / 2, self._gain, self._config.force_max_n)
            self._driven, self._state = command, _FREE
        self.seen = None  # a physics step follows

    def wear(self, force_share: float, pad_friction_share: float) -> None:
        """From now on only these shares are left of the commanded force and of the pads' friction."""
        self._force_share = force_share
        if pad_friction_share == self._pad_share:
            return
        self._pad_share = pad_friction_share
        for joint in FINGER_JOINTS:
            friction = pad_friction_share * self._config.pad_friction
            self._client.changeDynamics(self._arm, joint, lateralFriction=friction)
        self._make_contacts_anew()  # an anchored contact keeps its friction for as long as it holds
        self._pressed = 0.0  # and a new one bears no sudden force, see above

    def _close(self, force: float, near: bool) -> None:
        """One tick of closing or gripping; Bullet keeps a motor's target, so only changes are sent."""
        left, right = self.seen or _joint_states(self._arm, FINGER_JOINTS, self._number)
        left_speed, right_speed, state, speed = left[1], right[1], self._state, self._speed
        if state == _GRIPPING and -right_speed > _LOST * speed:
            self._state = _CLOSING
        elif state == _FREE or (state == _CLOSING and -left_speed - right_speed < _STALLED * speed):
            self._state = state + 1
            if state == _FREE and near:
                self._make_contacts_anew()
            if self._state == _GRIPPING:
                self._go(FINGER_JOINTS[0], left[0], _HOLD_GAIN, _COUPLING_FORCE)
        if self._state == _GRIPPING:
            self._pressed = force = min(force, self._pressed + _RISE)
        else:
            self._pressed = 0.0
        if (self._state, force) == (state, self._driven):
            return
        self._driven = force
        if self._state == _CLOSING:
            self._run(FINGER_JOINTS[0], -speed, force)
        self._run(FINGER_JOINTS[1], -speed if self._state == _CLOSING else -_GRIP_SPEED, force)

    def _make_contacts_anew(self) -> None:
        """Makes the pads' contacts anew; they are held longer, by the threshold that is in force while they are made.

        It is one for the whole process and also widens the search for neighbours, so it is set for that moment only.
        """
        for joint in FINGER_JOINTS:
            self._client.setCollisionFilterGroupMask(self._arm, joint, *COLLIDES)
        self._client.setPhysicsEngineParameter(contactBreakingThreshold=_DROPPED_FROM_PADS)
        self._client.performCollisionDetection()
        self._client.setPhysicsEngineParameter(contactBreakingThreshold=_DROPPED)

    def _go(self, joint: int, position: float, gain: float, force: float) -> None:
        _drive_joint(self._arm, joint, _POSITION, position, 0.0, force, gain, 1.0, self._speed, self._number)

    def _run(self, joint: int, speed: float, force: float) -> None:
        _drive_joint(self._arm, joint, _SPEED, 0.0, speed, force, 0.0, 1.0, -1.0, self._number)
