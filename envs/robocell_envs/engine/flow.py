"""The flow of a recipe's parts through the world: which are there, whose turn it is, what became of them."""

from __future__ import annotations

import math

from robocell_controller.contract import Array
from robocell_envs.config.simulation import TaskConfig
from robocell_envs.engine.world import World
from robocell_envs.scene.jobs import Job
from robocell_envs.scene.scenario import Scenario

_BESIDE = 0.10  # m from the hand's way: half an open hand with its fingers, and half a part


class Flow:
    """Parts come, wait, have their turn, and stay or leave; the world is not built anew for it.

    Attributes:
        turn_of: index of the job whose turn it is.
        missed: jobs whose parts left the end of the belt before their turn.
        disturbed: jobs whose parts were not in their slots any more when these were looked at for the last time.
    """

    def __init__(self, world: World, scenario: Scenario, task: TaskConfig) -> None:
        """Starts in a world that has just been built, with the first job's part in it."""
        self.jobs = scenario.jobs
        self.turn_of = 0
        self.missed: list[int] = []
        self.disturbed: list[int] = []
        self._world, self._belt, self._tolerance = world, scenario.belt, task.place_tolerance_m
        self._bodies = {0: world.part}
        self._from = scenario.start_tcp
        self._placed: list[int] = []
        self._come = 1
        bins = scenario.recipe.bins.values() if scenario.recipe else ()
        self._stops = scenario.recipe is not None and scenario.recipe.belt_stops
        self._walls = max((each.wall_height_m for each in bins), default=0.0)
        if self._belt is None:
            for _ in self.jobs[1:]:
                self._enter()
        self._look()

    def move(self, belt_travel: float) -> None:
        """Once per policy period: parts come and leave as the belt has gone, ``belt_travel`` m."""
        there = len(self._bodies)
        while self._come < len(self.jobs) and self.jobs[self._come].arrival <= belt_travel:
            self._enter()
        for index in [index for index in self._bodies if index > self.turn_of and self._gone(index)]:
            self._leave(index)
            self.missed.append(index)
        if len(self._bodies) != there:
            self._look()
        if self._stops:
            self._world.halt_belt(self._awaits_pick())

    def turn(self, placed: bool) -> Job | None:
        """The next job's turn, or None after the last; the part of this one stays if it has been ``placed``."""
        for index in self._placed:  # the one that is placed now may still tremble; it rests from the next turn on
            self._world.rest(self._bodies[index])
        if placed:
            self._world.settle(self._bodies[self.turn_of])
            self._placed.append(self.turn_of)
        else:
            self._leave(self.turn_of)
        following = [index for index in range(self.turn_of + 1, len(self.jobs)) if index not in self.missed]
        if not following:
            self._check(self._placed)
            return None
        self._from = self.jobs[self.turn_of].slot_position
        self.turn_of = following[0]
        self._make_room(self.jobs[self.turn_of])
        while self._come <= self.turn_of:  # the feeder does not keep the cell waiting
            self._enter()
        self._world.turn_to(self._bodies[self.turn_of])
        self._look()
        return self.jobs[self.turn_of]

    def _enter(self) -> None:
        job = self.jobs[self._come]
        self._bodies[self._come] = self._world.enter(job.part, job.position, job.yaw)
        self._come += 1

    def _leave(self, index: int) -> None:
        self._world.leave(self._bodies.pop(index))

    def _awaits_pick(self) -> bool:
        """Whether the part whose turn it is lies on the belt, past its middle."""
        if self._belt is None:
            return False
        belt, position = self._belt.config, self._world.position(self._world.part)
        along, _ = belt.coordinates(position)
        return along > 0.0 and belt.carries(position, self.jobs[self.turn_of].part.height)

    def _gone(self, index: int) -> bool:
        """Whether a part has come to the end of the belt."""
        if self._belt is None:
            return False
        belt, part = self._belt.config, self.jobs[index].part
        along, _ = belt.coordinates(self._world.position(self._bodies[index]))
        return along > belt.length_m / 2 - part.width

    def _make_room(self, job: Job) -> None:
        """A station whose slot is taken is exchanged for an empty one."""
        there = [index for index in self._placed if self.jobs[index].station == job.station]
        if job.slot in [self.jobs[index].slot for index in there]:
            self._check(there)
            for index in there:
                self._placed.remove(index)
                self._leave(index)

    def _check(self, placed: list[int]) -> None:
        """Looks whether parts are still where they were put."""
        for index in placed:
            job, position = self.jobs[index], self._world.position(self._bodies[index])
            off = math.dist(position[:2], job.slot_position[:2])
            if not job.bin.covers(position) if job.bin else off > self._tolerance:
                self.disturbed.append(index)

    def _look(self) -> None:
        """Up to where walls, and other parts beside the hand's way to this part and on to its slot, stand."""
        others = [index for index in self._bodies if index != self.turn_of]
        self.height = max([self._walls, *(self._top(index) for index in others if self._beside_way(index))])

    def _top(self, index: int) -> float:
        return float(self._world.position(self._bodies[index])[2]) + self.jobs[index].part.height / 2

    def _beside_way(self, index: int) -> bool:
        other, job = self._world.position(self._bodies[index]), self.jobs[self.turn_of]
        here = self._world.position(self._world.part)
        ways = ((self._from, here), (here, job.slot_position))
        return any(_distance(other, start, end) < _BESIDE for start, end in ways)


def _distance(point: Array, start: Array, end: Array) -> float:
    """Horizontal distance of a point from a line between two others, m."""
    way, off = (end - start)[:2], (point - start)[:2]
    share = min(max(float(way @ off) / max(float(way @ way), 1e-12), 0.0), 1.0)
    return math.dist(off, share * way)
