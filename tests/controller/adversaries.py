"""Hostile commands for the guard and the safety kernel, checked against the data sheet without either's own code.

python tests/controller/adversaries.py 10000000      # ticks; prints the figures as JSON
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.motion import RatesConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.contract import Array, JointCommand, Setpoint
from robocell_controller.guard.guard import Guard, Release
from robocell_controller.path.control_path import ControlPath

CELL = load(CellConfig, "cells", "pick_place")
ROBOT = CELL.load_robot()
BOUNDS = CELL.load_guard()
LIMITS = ROBOT.limits
REST = np.array(ROBOT.rest_posture_rad)
SLACK = 1e-6  # relative, and rad or m
GARBAGE = (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0)
_EPISODE = 200  # ticks
_ALONG = 50  # ticks for which one adversary has its way
_COST_EVERY, _COST_CALLS = 10, 3  # ticks between two whose cost is measured, and calls for that

Stream = np.random.Generator
Wish = Callable[[Release], JointCommand | None]


@dataclass(frozen=True)
class Arena:
    """Where adversaries act: the released cell's path and guard at one controller rate."""

    path: ControlPath
    guard: Guard
    tick: float


def arena(controller_hz: int) -> Arena:
    rates = RatesConfig(policy_hz=25, controller_hz=controller_hz, physics_hz=controller_hz)
    return Arena(ControlPath(ROBOT, CELL.motion, rates), Guard(ROBOT, BOUNDS, rates), rates.tick)


def margins(start: Setpoint, q: Array, tick: float) -> dict[str, float]:
    """Least room to each joint limit, of consecutive setpoints ``q`` [n, 7] after ``start``.

    Rates as a share of their limit, position in rad; negative where it is violated.
    """
    dq = np.diff(q, axis=0, prepend=start.q[None]) / tick
    ddq = np.diff(dq, axis=0, prepend=start.dq[None]) / tick
    dddq = np.diff(ddq, axis=0, prepend=start.ddq[None]) / tick
    return {
        "position": float(np.minimum(q - LIMITS.lower, LIMITS.upper - q).min()),
        "velocity": float((1.0 - np.abs(dq) / LIMITS.velocity).min()),
        "acceleration": float((1.0 - np.abs(ddq) / LIMITS.acceleration).min()),
        "jerk": float((1.0 - np.abs(dddq) / LIMITS.jerk).min()),
    }


def tcp_margins(kinematics: Kinematics, start: Setpoint, q: Array, tick: float) -> dict[str, float]:
    """Least room of the TCP to its box, m, and to its speed, as a share."""
    places = np.array([kinematics.pose(each).position for each in (start.q, *q)])
    speed = np.linalg.norm(np.diff(places, axis=0), axis=1) / tick
    box = np.minimum(places - BOUNDS.tcp_lower_m, np.array(BOUNDS.tcp_upper_m) - places)
    return {"tcp box": float(box.min()), "tcp speed": float(1.0 - speed.max() / ROBOT.tcp_speed_m_s)}


def accelerated(last: Release, ddq: Array, tick: float) -> JointCommand:
    dq = last.setpoint.dq + tick * ddq
    return JointCommand(last.setpoint.q + tick * dq, dq, 0.5)


def _push(stream: Stream, arena: Arena) -> Wish:
    """Joints driven one way as hard as they may, or harder."""
    ddq = stream.choice([-1.0, 0.0, 1.0], 7) * stream.choice([0.3, 0.9, 1.0, 1.5]) * LIMITS.acceleration

    def wanted(last: Release) -> JointCommand:
        slower = np.abs(last.setpoint.dq + arena.tick * ddq) < LIMITS.velocity
        return accelerated(last, np.where(slower, ddq, 0.0), arena.tick)

    return wanted


def _nyquist(stream: Stream, arena: Arena) -> Wish:
    """To and fro at every tick."""
    ddq = stream.choice([0.5, 1.0, 1.001, 4.0]) * LIMITS.acceleration * stream.choice([-1.0, 1.0], 7)
    sign = [1.0]

    def wanted(last: Release) -> JointCommand:
        sign[0] = -sign[0]
        return accelerated(last, sign[0] * ddq, arena.tick)

    return wanted


def _noise(stream: Stream, arena: Arena) -> Wish:
    scale = stream.choice([0.1, 0.6, 1.0, 2.0]) * LIMITS.acceleration
    return lambda last: accelerated(last, scale * stream.uniform(-1.0, 1.0, 7), arena.tick)


def _garbage(stream: Stream, arena: Arena) -> Wish:
    """Values that are no numbers, or none that a joint can take, among honest ones."""

    def wanted(last: Release) -> JointCommand:
        command = accelerated(last, 0.2 * LIMITS.acceleration * stream.uniform(-1.0, 1.0, 7), arena.tick)
        q, dq, gripper = command.q, command.dq, command.gripper
        kind = stream.integers(6)
        if kind == 0:
            q[stream.integers(7)] = stream.choice(GARBAGE)
        elif kind == 1:
            dq[stream.integers(7)] = stream.choice(GARBAGE)
        elif kind == 2:
            gripper = float(stream.choice(GARBAGE))
        elif kind == 3:
            q = q[:3]
        return JointCommand(q, dq, gripper)

    return wanted


def _stuck(stream: Stream, arena: Arena) -> Wish:
    """The first command again and again."""
    first: list[JointCommand] = []
    ddq = LIMITS.acceleration * stream.uniform(-1.0, 1.0, 7)

    def wanted(last: Release) -> JointCommand:
        first.append(accelerated(last, ddq, arena.tick))
        return first[0]

    return wanted


def _silent(stream: Stream, arena: Arena) -> Wish:
    """Commands that do not come, or not always."""
    go, missing = _push(stream, arena), stream.choice([0.1, 0.3, 1.0])
    return lambda last: None if stream.random() < missing else go(last)


def _hostile_policy(stream: Stream, arena: Arena) -> Wish:
    """Extreme actions on the path of every policy; the loop skips, repeats, delays or mirrors ticks."""
    lapse = stream.choice(["none", "skip", "repeat", "mirror"])
    hold = stream.choice([1, 3, 20])
    queue: list[JointCommand] = []
    actions: list[Array] = []

    def wanted(last: Release) -> JointCommand:
        if not queue or last.reason:
            arena.path.setpoint = last.setpoint
            if len(actions) % hold == 0 or not actions:
                actions.append(stream.choice([-1.0, 0.0, 1.0], 5))
            else:
                actions.append(actions[-1])
            segment = arena.path.command(actions[-1]).segment
            queue[:] = [JointCommand(q, dq, segment.gripper) for q, dq in zip(segment.q, segment.dq, strict=True)]
        command = queue.pop(0)
        if lapse == "skip" and queue and stream.random() < 0.1:
            command = queue.pop(0)
        elif lapse == "repeat" and stream.random() < 0.1:
            queue.insert(0, command)
        elif lapse == "mirror" and stream.random() < 0.5:
            command = JointCommand(2.0 * last.setpoint.q - command.q, -command.dq, command.gripper)
        return command

    return wanted


ADVERSARIES: tuple[Callable[[Stream, Arena], Wish], ...] = (
    _push,
    _nyquist,
    _noise,
    _garbage,
    _stuck,
    _silent,
    _hostile_policy,
)


@dataclass
class Tally:
    """What a run of adversaries came to."""

    ticks: int = 0
    least: dict[str, float] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    cost_ns: array[int] = field(default_factory=lambda: array("q"))

    def add(self, found: dict[str, float]) -> None:
        for name, value in found.items():
            self.least[name] = min(self.least.get(name, np.inf), value)

    @property
    def violations(self) -> list[str]:
        """Limits that were not kept; NaN keeps none."""
        return [name for name, value in self.least.items() if not value >= -SLACK]

    def as_json(self) -> dict[str, object]:
        p50, p99 = np.percentile(self.cost_ns, [50, 99]) / 1e3
        return {
            "ticks": self.ticks,
            "violations": self.violations,
            "least_margin": self.least,
            "reasons": dict(self.reasons.most_common()),
            "guard_us": {"p50": p50, "p99": p99},
        }


def adversarial_ticks(ticks: int, seed: int, controller_hz: int = 125) -> Tally:
    """Drives the guard with every adversary in turn, episode after episode, and measures what it really sends."""
    stream, tally = np.random.default_rng(seed), Tally()
    place, kinematics = arena(controller_hz), Kinematics(ROBOT)
    while tally.ticks < ticks:
        inside = stream.random() < 0.7
        q = REST if inside else stream.uniform(LIMITS.lower, LIMITS.upper)
        last = first = place.guard.begin(q, np.zeros(7), 1.0)
        place.path.reset(q, np.zeros(7), 1.0)
        sent = []
        for wish in _wishes(stream, place):
            wanted, fault = wish(last), "contact" if stream.random() < 0.01 else ""
            if len(sent) % _COST_EVERY == 0:
                tally.cost_ns.append(min(_cost_ns(place.guard, last, wanted, fault) for _ in range(_COST_CALLS)))
            last = place.guard.release(last, wanted, fault)
            tally.reasons[last.reason] += 1
            sent.append(last.command)
        setpoints = np.array([command.q for command in sent])
        assert all(abs(command.gripper) <= 1.0 and np.isfinite(command.dq).all() for command in sent)
        tally.ticks += len(sent)
        tally.add(margins(first.setpoint, setpoints, place.tick))
        if inside:
            tally.add(tcp_margins(kinematics, first.setpoint, setpoints, place.tick))
    return tally


def _cost_ns(guard: Guard, last: Release, wanted: JointCommand | None, fault: str) -> int:
    """CPU time of one call, which changes nothing; the least of some leaves out what others do to the machine."""
    before = time.thread_time_ns()
    guard.release(last, wanted, fault)
    return time.thread_time_ns() - before


def _wishes(stream: Stream, place: Arena) -> Iterator[Wish]:
    for _ in range(_EPISODE // _ALONG):
        adversary = ADVERSARIES[stream.integers(len(ADVERSARIES))](stream, place)
        yield from [adversary] * _ALONG


if __name__ == "__main__":
    result = adversarial_ticks(int(sys.argv[1]), seed=0)
    print(json.dumps(result.as_json(), indent=2))
    sys.exit(1 if result.violations else 0)
