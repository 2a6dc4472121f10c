"""The simulated arm's drives between the controller's setpoints and the joints, with their faults.

A sound drive brings its joint to the setpoint. A faulty one differs as follows.

* Setpoints come late by whole ticks; until the first late one comes, a drive holds the last it had.
* It closes its loop on its own encoder, so an offset of that moves the joint the other way.
* A torque that it does not compensate deflects it against its stiffness: the weight of a wrongly set payload at the
  TCP, and joint friction while the joint moves. That is the joint impedance law of Franka's arm; a drive with an
  integrator would take such an error out over time.
* Friction also takes away from the torque limit, see :meth:`robocell_envs.engine.world.World.impair`.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.contract import Array, JointCommand
from robocell_envs.config.faults import SOUND, Faults, Timeline, first_tick, friction_torque
from robocell_envs.engine.world import World

_GRAVITY = 9.81  # m/s²


class Drives:
    """The drives of one plant; they also let scheduled faults set in, at the start of a tick."""

    def __init__(self, world: World, robot: RobotConfig, kinematics: Kinematics, tick: float) -> None:
        """Drives the arm of ``world``; ``tick`` is the controller's period, s."""
        self._world = world
        self._kinematics = kinematics
        self._stiffness = np.array(robot.joint_stiffness_n_m_rad)
        self._tick = tick

    def reset(self, timeline: Timeline, q: Array, gripper: float) -> None:
        """A cold start at the joint positions ``q`` [7] rad with the ``gripper`` command; :meth:`begin` follows."""
        self._late: deque[JointCommand] = deque()
        self._followed: tuple[Array, Array, float] | None = None  # the setpoints of the last period, if all were sound
        self._held = JointCommand(q + timeline[0].faults.encoder_offset_rad, np.zeros_like(q), gripper)

    def begin(self, timeline: Timeline) -> None:
        """The next part, in a world just built, with the faults that come with it; the drives go on."""
        if self._followed:
            q, dq, gripper = self._followed
            self._held, self._followed = JointCommand(q[-1], dq[-1], gripper), None
        self._pending = deque((first_tick(onset.at, self._tick), onset.faults) for onset in timeline)
        self._sound = not self._late and all(onset.faults == SOUND for onset in timeline)
        self._ticks = 0
        self._set_in()

    def follow(self, q: Array, dq: Array, gripper: float) -> None:
        """Lets one tick pass for each row of the setpoints ``q`` rad and ``dq`` rad/s, both [ticks, 7]."""
        if self._sound:
            self._world.follow(q, dq, gripper)
            self._followed = q, dq, gripper
            return
        for position, speed in zip(q, dq, strict=True):
            self._set_in()
            command = self._due(JointCommand(position, speed, gripper))
            target = command.q + self._deflection(command)
            self._world.follow(target[None], command.dq[None], command.gripper)
            self._ticks += 1

    def _set_in(self) -> None:
        """Lets the faults that are due act from this tick on."""
        while self._pending and self._pending[0][0] <= self._ticks:
            self.faults: Faults = self._pending.popleft()[1]
            self._world.impair(self.faults)

    def _due(self, command: JointCommand) -> JointCommand:
        """What reaches the drives now."""
        delay = round(self.faults.actuation_delay_ms * 1e-3 / self._tick)
        self._late.append(command)
        if len(self._late) <= delay:
            return JointCommand(self._held.q, np.zeros_like(self._held.dq), self._held.gripper)
        while len(self._late) > delay:
            self._held = self._late.popleft()
        return self._held

    def _deflection(self, command: JointCommand) -> Array:
        """How far the joints are off the setpoint, [7] rad."""
        faults = self.faults
        _, jacobian = self._kinematics.pose_and_jacobian(command.q)
        excess: Array = faults.payload_error_kg * _GRAVITY * jacobian[2]
        excess = excess - friction_torque(faults, command.dq)
        deflection: Array = excess / self._stiffness - faults.encoder_offset_rad
        return deflection
