"""The far side's watch over the drives: follow a command only while it may be followed, else brake.

Every command carries its lifetime, and it is enforced here, where the drives are: whatever becomes of the controller,
of the link or of the guardian, the arm comes to a stand within its limits. It brakes by the guard's law, so from a
setpoint that the guard let pass it takes the way that was certified then: inside the TCP's box, clear of planes and
itself.
"""

from __future__ import annotations

import numpy as np

from robocell_controller.arm.robot import JointLimits
from robocell_controller.arm.stopping import StopLaw
from robocell_controller.contract import Array, JointCommand, Setpoint
from robocell_controller.messages import FarCommand

_ROUNDING = 1e-6  # relative; differences of positions carry more rounding than the positions

NO_PERMISSION = "no permission to move"


class DriveWatch:
    """Decides each tick of the plant what its drives do. Its faults are for good."""

    def __init__(self, limits: JointLimits, tick: float) -> None:
        """Takes the joint limits and the controller period, s."""
        self._limits, self._tick, self._stops = limits, tick, StopLaw(limits, tick)
        self.fault = ""
        self.followed = 0
        self.braked = 0

    def hold(self, q: Array, dq: Array, gripper: float) -> None:
        """Begins at the joint positions ``q`` [7] rad and speeds ``dq`` [7] rad/s: brakes until the first command."""
        self.held = Setpoint(q, dq, np.zeros_like(q))
        self.gripper = gripper
        self.by_themselves = True
        self._bears_until: int | None = None  # ns; None: no command was followed yet

    def step(self, order: FarCommand | None, tick: int, now: int, permitted_until: int) -> JointCommand:
        """What the drives do in the plant's ``tick``.

        Args:
            order: the latest command; None before the first.
            tick: number of the tick that begins.
            now: ns.
            permitted_until: how long the guardian lets the drives move, ns.
        """
        if self._bears_until is not None and now >= permitted_until:
            self.fault = self.fault or NO_PERMISSION
        fresh = order is not None and order.tick == tick and now < order.valid_until and now < permitted_until
        if fresh and not self.fault and order is not None:
            if self._follow(order.command):
                self._bears_until, self.followed = order.valid_until, order.sequence
                return order.command
            self.fault = "command outside the limits"
        elif self._bears_until is not None and now > self._bears_until:
            self.fault = self.fault or "no command in time"
        return self._brake()

    def stands(self) -> bool:
        """Whether the drives have come to a stand by themselves."""
        return self.by_themselves and not self.held.dq.any()

    def _follow(self, command: JointCommand) -> bool:
        """Takes the command over if it is within the limits, as differences of the setpoints, and so is a stop then."""
        limits, tick = self._limits, self._tick
        velocity = (command.q - self.held.q) / tick
        acceleration = (velocity - self.held.dq) / tick
        jerk = (acceleration - self.held.ddq) / tick
        within = (command.q >= limits.lower) & (command.q <= limits.upper) & np.isfinite(command.dq)
        for value, limit in ((velocity, limits.velocity), (acceleration, limits.acceleration), (jerk, limits.jerk)):
            within &= np.abs(value) <= limit * (1.0 + _ROUNDING)
        if not within.all() or not np.isfinite(command.gripper):
            return False
        setpoint = Setpoint(command.q, velocity, acceleration)
        rest = self._stops.stop(setpoint).q[-1:]
        if not ((rest >= limits.lower) & (rest <= limits.upper)).all():
            return False
        self.held, self.gripper, self.by_themselves = setpoint, command.gripper, False
        return True

    def _brake(self) -> JointCommand:
        """One tick of the way to the stand; the gripper keeps what it does."""
        self.braked += 1
        self.by_themselves = True
        stop = self._stops.stop(self.held)
        q, dq = (stop.q[0], stop.dq[0]) if len(stop.q) else (self.held.q, np.zeros_like(self.held.q))
        self.held = Setpoint(q, dq, (dq - self.held.dq) / self._tick)
        return JointCommand(q, dq, self.gripper)
