"""The simulated plant: world, sensors and stations behind the controller's ``Plant`` protocol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import JOINTS, Array, CellState, JointCommand, Segment
from robocell_envs.config.faults import Faults
from robocell_envs.engine.drives import Drives
from robocell_envs.engine.flow import Flow
from robocell_envs.engine.lifetime import Unique, retire
from robocell_envs.engine.world import Truth, World
from robocell_envs.plant.cell_checks import checked_simulation
from robocell_envs.plant.sensors import Sensor
from robocell_envs.scene.jobs import Work, recipe_work
from robocell_envs.scene.scenario import Scenario, draw, draw_recipe
from robocell_envs.tasks import pick_place as task

_NEAR = 0.25  # m from TCP to part: farther away the open hand, 0.1 m wide, does not reach it within a policy period
_SENSORS = ("joints", "gripper", "tracker", "belt")


@dataclass(slots=True)
class CycleRecord:
    """What happened in the current cycle so far; times in s, energy in J, forces in N."""

    start: float
    time: float = 0.0
    drops: int = 0
    lifted: bool = False
    energy: float = 0.0
    peak_force: float = 0.0
    impact: float = 0.0


class SimulatedPlant(Unique):
    """A plant for one cell config. Parts come from ``seeds`` one after another, or by :meth:`load`."""

    def __init__(self, cell: CellConfig, seed: int = 0, visual: bool = False, window: bool = False) -> None:
        """Starts a simulator; nothing is on the table before :meth:`present` or :meth:`load`.

        Args:
            cell: the cell's config.
            seed: seed of the sequence of parts that :meth:`present` draws.
            visual: load visual shapes for rendering (slower resets, same physics).
            window: show the world in a window, see :mod:`robocell_envs.engine.window`.
        """
        self.config = checked_simulation(cell)
        self._cell = cell
        robot = cell.load_robot()
        self.world = World(robot, cell.rates, self.config.table_friction, self.config.solver_iterations, visual, window)
        self.kinematics = Kinematics(robot)
        self._work: Work | None = recipe_work(cell, self.config)
        self.flow: Flow | None = None
        self._parts = np.random.default_rng(seed)
        self._tick, self._ticks_per_period = cell.rates.tick, cell.rates.ticks
        self._drives = Drives(self.world, robot, self.kinematics, self._tick)
        self._stroke = robot.gripper.stroke_m
        self._cycle = -1

    def present(self) -> None:
        """The next part appears; the arm goes on as it moves (the first time: rests at its start pose).

        A recipe's next part is in the cell already; after its last one the recipe begins anew in a cleared cell.
        """
        if self.next_part():
            return
        scenario = self.draw(int(self._parts.integers(2**63)))
        if self._cycle < 0:
            self.load(scenario)
            return
        truth = self.world.truth()
        self._belt_zero += truth.belt_travel  # each world has a new belt, but the encoder counts on
        self._begin(scenario, truth.q, truth.dq, truth.gripper_width)

    def draw(self, seed: int) -> Scenario:
        """The scenario of a seed in this plant's cell."""
        if self._work:
            return draw_recipe(self.config, seed, self._work)
        return draw(self.config, seed, self._cell.belt)

    def next_part(self) -> bool:
        """Turns to the recipe's next part, in the world as it is; False if there is none."""
        job = self.flow.turn(placed=self.outcome() == task.PLACED) if self.flow else None
        if job is None:
            return False
        self.scenario: Scenario = self.scenario.turned_to(job)
        self._told = self.scenario.part.info
        self._cycle += 1
        self.record = CycleRecord(start=self.time)
        self.truth = self.world.truth()
        self._start_tracker()
        self.now = self._measure()
        return True

    def load(self, scenario: Scenario) -> None:
        """A part of our choice, with the arm at the scenario's start pose."""
        self._cycle = -1
        self._ticks = 0
        self._belt_zero = 0.0  # m, that belts had gone when this world was built
        q = self.kinematics.inverse(scenario.start_tcp, scenario.start_yaw)
        _, jacobian = self.kinematics.pose_and_jacobian(q)
        self._drives.reset(scenario.faults, q, scenario.start_gripper / self._stroke)
        rising = np.array([0.0, 0.0, scenario.start_rise, 0.0, 0.0, 0.0])
        self._begin(scenario, q, self.kinematics.solve(jacobian, rising, np.zeros_like(q)), scenario.start_gripper)

    def read(self) -> CellState:
        """Sensor values now."""
        time, scenario = self.time, self.scenario
        if self._ticks % self._ticks_per_period:  # at the end of a period, and in training, they have just been sampled
            self._sample(self.world.truth(), (self._joints, self._gripper))
        joints, _ = self._joints.read(time)
        belt_travel, _ = self._belt.read(time)
        width, effort = self._gripper.read(time)[0].tolist()
        tracked, age = self._tracker.read(time)
        q, dq, tau = joints[:JOINTS], joints[JOINTS : 2 * JOINTS], joints[2 * JOINTS :]
        obstacle_height = self.flow.height if self.flow else 0.0
        return CellState(  # in the fields' order: a call that names them takes three times as long
            time, q, dq, tau, width, effort,
            tracked[:3], tracked.item(3), age, self._told,
            scenario.slot_position, scenario.slot_yaw, belt_travel.item(), self._cycle, obstacle_height,
        )  # fmt: skip

    def age(self) -> float:
        """No time passes between its ticks."""
        return 0.0

    def write(self, command: JointCommand) -> None:
        """One controller tick passes."""
        self._pass(command.q[None], command.dq[None], command.gripper)

    def play(self, segment: Segment) -> None:
        """One policy period passes: the same as writing its ticks one by one, but quicker."""
        self._pass(segment.q, segment.dq, segment.gripper)

    def _pass(self, q: Array, dq: Array, gripper: float) -> None:
        self._drives.follow(q, dq, gripper)
        self._ticks += len(q)
        if self._ticks % self._ticks_per_period == 0:
            self._sense()

    def outcome(self) -> str | None:
        """``"placed"``, ``"crushed"``, ``"off_table"``, ``"collision"``, or None while the cycle is open."""
        return task.outcome(self.config.task, self.now)

    def failure(self) -> str:
        """Failure class, were the cycle to end now."""
        return task.failure_class(self.config.task, self.now, self.record.lifted, self.record.drops)

    def close(self) -> None:
        """Ends the simulator; may be called twice. Other methods raise ``ClosedEnvironmentError`` from now on."""
        self.world.close()
        retire(self)

    @property
    def faults(self) -> Faults:
        """Those in force now."""
        return self._drives.faults

    @property
    def time(self) -> float:
        """Simulated time since the start, s."""
        return self._ticks * self._tick

    def _begin(self, scenario: Scenario, q: Array, dq: Array, gripper_width: float) -> None:
        self.scenario, self._told = scenario, scenario.part.info
        self._cycle += 1
        self.world.build(scenario, q, dq, gripper_width)
        self._drives.begin(scenario.faults)
        self.flow = Flow(self.world, scenario, self.config.task) if scenario.jobs else None
        self.record = CycleRecord(start=self.time)
        self.truth = self.world.truth()
        self._start_sensors(scenario.sensor_seed)
        self.now = self._measure()

    def _start_sensors(self, seed: int) -> None:
        sensors = self.config.sensors
        seeds = np.random.SeedSequence(seed).spawn(4)
        offset = _offset(self._drives.faults)
        configs = (sensors.joints, sensors.gripper, sensors.tracker, sensors.belt)
        self._joints, self._gripper, self._tracker, self._belt = (
            Sensor(config, each, value, self.time)
            for config, each, value in zip(configs, seeds, _readings(self.truth, offset, self._belt_zero), strict=True)
        )
        self._fail_sensors()

    def _start_tracker(self) -> None:
        """The camera system turns to another part."""
        seed = [self.scenario.sensor_seed, self._cycle]
        reading = _readings(self.truth, self._offset, self._belt_zero)[2]
        self._tracker = Sensor(self.config.sensors.tracker, seed, reading, self.time)

    def _sense(self) -> None:
        """Truth, sensors and the cycle's record, once per policy period."""
        self.truth = truth = self.world.truth()
        self.world.forget_forces()
        if self.flow:
            self.flow.move(truth.belt_travel)
        there = (self._joints, self._gripper, self._tracker)
        self._sample(truth, (*there, self._belt) if self.world.belt else there)
        time = self.time
        before, self.now = self.now, self._measure()
        record = self.record
        record.time = time - record.start
        record.drops += int(task.dropped(before, self.now))
        record.lifted |= self.now.held and self.now.raised
        record.peak_force = max(record.peak_force, truth.part_force)
        record.impact = max(record.impact, truth.impact)
        efforts = np.abs(truth.joints[JOINTS:])  # speeds, then torques
        record.energy += float(efforts[:JOINTS].dot(efforts[JOINTS:])) * self._tick * self._ticks_per_period

    def _sample(self, truth: Truth, sensors: tuple[Sensor, ...]) -> None:
        if self._sensed is not self._drives.faults:
            self._fail_sensors()
        time, readings = self.time, _readings(truth, self._offset, self._belt_zero)
        for sensor, value in zip(sensors, readings, strict=False):
            sensor.sample(time, value)

    def _fail_sensors(self) -> None:
        """Lets the faults that are in force now act on the sensors."""
        self._sensed = faults = self._drives.faults
        self._offset = _offset(faults)
        for name, sensor in zip(_SENSORS, (self._joints, self._gripper, self._tracker, self._belt), strict=True):
            sensor.stuck, sensor.silent = name in faults.stuck_sensors, name in faults.silent_sensors

    def _measure(self) -> task.Measures:
        now = task.measure(self.scenario, self.truth, self.kinematics.pose(self.truth.q).position)
        self.world.expect_hand(now.reach < _NEAR or self.flow is not None)
        return now


def _offset(faults: Faults) -> Array | None:
    return np.array(faults.encoder_offset_rad) if any(faults.encoder_offset_rad) else None


def _readings(truth: Truth, encoder_offset: Array | None, belt_zero: float) -> tuple[Array, Array, Array, Array]:
    """What joints, gripper, tracker and belt would read without error; ``encoder_offset`` [7] rad, None: none.

    ``belt_zero`` m is what the belt's encoder read when the world was built.
    """
    joints = truth.joints
    if encoder_offset is not None:
        joints = joints.copy()
        joints[:JOINTS] += encoder_offset
    return (
        joints,
        np.array([truth.gripper_width, truth.gripper_effort]),
        np.array([*truth.part_position.tolist(), truth.part_yaw]),
        np.array([belt_zero + truth.belt_travel]),
    )
