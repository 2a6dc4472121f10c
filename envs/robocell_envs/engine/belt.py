"""The simulated infeed belt.

Bullet has no surface velocity. The belt is a frictionless box, and before each physics step a part on it gets the
friction force that a surface moving under it would exert: Coulomb's limit times the contact force, and no more than
takes the part to the belt's velocity within the step. The drum ramps when it is halted or let run again, and the belt
on it when it begins to slip, or no longer does.
"""

from __future__ import annotations

import math

from robocell_envs.engine.bullet import BulletClient, number, pybullet
from robocell_envs.engine.lifetime import Unique
from robocell_envs.scene.parts import Part
from robocell_envs.scene.scenario import BeltRun

_THICKNESS = 0.03  # m
_COLOUR = [0.22, 0.23, 0.25, 1.0]
_BASE = -1  # a body's only link
_WORLD: int = pybullet.WORLD_FRAME
_velocity, _contacts = pybullet.getBaseVelocity, pybullet.getContactPoints
_STILL = 1e-3  # rad/s
_SPIN_RADIUS = 0.35  # of the part's width: where its friction acts against turning; 0.38 for a uniform square


class Belt(Unique):
    """The belt of one world."""

    def __init__(self, client: BulletClient, run: BeltRun, visual: bool) -> None:
        """Adds the belt to a world that is being built, and its colour if it is to be seen; nothing is on it yet."""
        self._client = number(client)
        config = run.config
        x, y, top = config.centre_m
        half = [config.length_m / 2, config.width_m / 2, _THICKNESS / 2]
        shape = client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, config.direction_rad])
        place = [x, y, top - _THICKNESS / 2]
        self.body: int = client.createMultiBody(0, shape, -1, place, turn, useMaximalCoordinates=True)
        client.changeDynamics(self.body, -1, lateralFriction=0.0)
        if visual:
            client.changeVisualShape(self.body, -1, rgbaColor=_COLOUR)
        self._along = (math.cos(config.direction_rad), math.sin(config.direction_rad))
        self._friction = run.friction
        self._parts: dict[int, Part] = {}
        self.speed = run.speed  # at which the drum runs that drives it, and that its encoder sits on
        self.travel = 0.0  # of the drum
        self.halted = False
        self._acceleration = run.acceleration
        self._drum = run.speed  # its speed now
        self._pace: float | None = None  # of the belt itself now; at first what faults leave of the drum's
        self.speed_share = self.friction_share = 1.0  # what faults leave of them
        self._config = config
        self._rides_until = 0.0  # m, travel up to which all parts ride along by themselves, see drive

    def carry(self, body: int, part: Part) -> None:
        """From now on pushes this part whenever it lies on the belt."""
        self._parts[body] = part
        self._rides_until = 0.0

    def release(self, body: int) -> None:
        """A part will not lie on the belt again."""
        self._parts.pop(body, None)

    def drive(self, time_step: float, near: bool) -> None:
        """Moves the belt on by one physics step of ``time_step`` s and pushes the parts on it.

        A part that rides along exactly as fast as the belt, as it does as a rule, goes on so while the belt keeps its
        speed, nothing that may touch the part is ``near``, and the belt's end is not.
        """
        before, speed = self._pace, self._ramp(self._acceleration * time_step)
        self.travel += self._drum * time_step
        if not near and speed == before and self.travel < self._rides_until:
            return
        slipping, (along_x, along_y) = False, self._along
        for body, part in self._parts.items():
            (vx, vy, _), (_, _, spin) = _velocity(body, self._client)
            slip_x, slip_y = speed * along_x - vx, speed * along_y - vy
            if slip_x or slip_y or abs(spin) > _STILL:
                slipping = True
                self._push(body, part, (slip_x, slip_y, spin), time_step)
        ways = [] if near or slipping else [self._way_left(*each) for each in self._parts.items()]
        self._rides_until = self.travel + min(ways, default=0.0)

    def _way_left(self, body: int, part: Part) -> float:
        """Until a part comes to the end of the belt, m."""
        position, _ = pybullet.getBasePositionAndOrientation(body, self._client)
        along, _ = self._config.coordinates(position)
        return self._config.length_m / 2 - part.width - along

    def _ramp(self, most: float) -> float:
        """Speed of the belt, m/s, one physics step on; drum and belt change theirs by no more than ``most`` m/s."""
        self._drum = _towards(0.0 if self.halted else self.speed, self._drum, most)
        pace = self._drum * self.speed_share
        self._pace = pace if self._pace is None else _towards(pace, self._pace, most)
        return self._pace

    def _push(self, body: int, part: Part, slips: tuple[float, float, float], time_step: float) -> None:
        """Friction against the slip of a part: x and y in m/s, and its spin, rad/s."""
        client, (slip_x, slip_y, spin) = self._client, slips
        normal_force = sum([contact[9] for contact in _contacts(self.body, body, _BASE, _BASE, client)])
        if normal_force <= 0.0:
            return
        slip, most = math.hypot(slip_x, slip_y), self._friction * self.friction_share * normal_force
        if slip > 0.0:
            push = min(most, part.mass * slip / time_step) / slip
            position, _ = pybullet.getBasePositionAndOrientation(body, client)
            pybullet.applyExternalForce(body, _BASE, [push * slip_x, push * slip_y, 0.0], position, _WORLD, client)
        if abs(spin) > _STILL:
            inertia = part.mass * part.width**2 / 6
            torque = math.copysign(min(most * _SPIN_RADIUS * part.width, inertia * abs(spin) / time_step), -spin)
            pybullet.applyExternalTorque(body, _BASE, [0.0, 0.0, torque], _WORLD, client)


def _towards(wanted: float, present: float, most: float) -> float:
    """The wanted speed, if it is no further than ``most`` from the present one, or as near to it as that allows."""
    change = wanted - present
    return wanted if abs(change) <= most else present + math.copysign(most, change)
