"""A scenario: everything that is drawn at random for one part, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robocell_controller.arm.stations import BeltConfig, Point
from robocell_controller.cell.recipe import BinConfig, RecipeConfig
from robocell_controller.contract import Array
from robocell_envs.config.faults import ALL_SOUND, Timeline, draw_timeline
from robocell_envs.config.simulation import BeltMotionConfig, PoseConfig, SimulationConfig
from robocell_envs.scene.jobs import TRAY_HEIGHT, Job, Work, draw_jobs
from robocell_envs.scene.parts import Part, draw_part

TRAY_WIDTH = 0.10  # m


@dataclass(frozen=True, slots=True)
class BeltRun:
    """A belt in one episode: where it lies, its speed (m/s), its friction against parts, its acceleration (m/s²)."""

    config: BeltConfig
    speed: float
    friction: float
    acceleration: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One part's story before the robot touches it. Frame ``base``.

    Attributes:
        part: the part.
        part_position: [3] m, centre of the part.
        part_yaw: rad.
        slot_position: [3] m, where the part's bottom face belongs.
        slot_yaw: rad.
        start_tcp: [3] m, TCP position at the start of an episode.
        start_yaw: rad, of the TCP then.
        start_rise: m/s, its upward speed then.
        start_gripper: m, width of the gripper then.
        sensor_seed: seed of the sensors' random streams.
        belt: that the part comes on, if it does.
        faults: of the cell meanwhile.
        recipe: whose stations stand in the cell; None: a tray of one slot.
        jobs: all parts of the recipe; part, pose and slot above are those of the one that it is the turn of.
        bin: that this one belongs into, if it does; then it is let fall at the slot's position.
    """

    part: Part
    part_position: Array
    part_yaw: float
    slot_position: Array
    slot_yaw: float
    start_tcp: Array
    start_yaw: float
    start_rise: float
    start_gripper: float
    sensor_seed: int
    belt: BeltRun | None = None
    faults: Timeline = ALL_SOUND
    recipe: RecipeConfig | None = None
    jobs: tuple[Job, ...] = ()
    bin: BinConfig | None = None

    def support(self, position: Point) -> float:
        """Height of what lies under ``position`` [3] m, the tray's floor left aside, m; over its bin, of the drop."""
        if self.bin and self.bin.covers(position):
            return float(self.slot_position[2])
        return self.belt.config.centre_m[2] if self.belt and self.belt.config.spans(position) else 0.0

    def turned_to(self, job: Job) -> Scenario:
        """The same with another of the jobs."""
        return replace(
            self,
            part=job.part,
            part_position=job.position,
            part_yaw=job.yaw,
            slot_position=job.slot_position,
            slot_yaw=job.slot_yaw,
            bin=job.bin,
        )


def draw_recipe(config: SimulationConfig, seed: int, work: Work) -> Scenario:
    """The scenario of a seed in a cell with a recipe, at its first job."""
    jobs = draw_jobs(work, seed)
    return replace(draw(config, seed, work.belt), recipe=work.recipe, jobs=jobs).turned_to(jobs[0])


def draw(config: SimulationConfig, seed: int, belt: BeltConfig | None = None) -> Scenario:
    """The scenario of a seed. Each subsystem has its own stream, so that fixing one shifts no other."""
    *children, belt_seed, fault_seed = np.random.SeedSequence(seed).spawn(7)
    part_stream, pose_stream, slot_stream, start_stream, sensor_stream = map(np.random.default_rng, children)
    part = draw_part(config.part, part_stream)
    x, y, part_yaw = _pose(config.part_pose, pose_stream)
    slot_x, slot_y, slot_yaw = _pose(config.slot_pose, slot_stream)
    start = config.start
    start_x, start_y, start_z, yaw, rise, gripper = (
        start_stream.uniform(low, high)
        for low, high in (start.x_m, start.y_m, start.z_m, start.yaw_rad, start.rise_m_s, start.gripper_m)
    )
    return Scenario(
        part=part,
        part_position=np.array([x, y, (belt.centre_m[2] if belt else 0.0) + part.height / 2]),
        part_yaw=part_yaw,
        slot_position=np.array([slot_x, slot_y, TRAY_HEIGHT]),
        slot_yaw=slot_yaw,
        start_tcp=np.array([start_x, start_y, start_z]),
        start_yaw=yaw,
        start_rise=rise,
        start_gripper=gripper,
        sensor_seed=int(sensor_stream.integers(2**63)),
        belt=_belt_run(config.belt, belt, np.random.default_rng(belt_seed)) if config.belt and belt else None,
        faults=draw_timeline(config.faults, config.events, fault_seed),
    )


def _belt_run(config: BeltMotionConfig, belt: BeltConfig, stream: np.random.Generator) -> BeltRun:
    speed, friction = (stream.uniform(low, high) for low, high in (config.speed_m_s, config.friction))
    return BeltRun(belt, speed, friction, config.acceleration_m_s2)


def nominal_poses(config: SimulationConfig) -> tuple[Array, Array]:
    """Taught poses of part and place: the middle of all ranges; x, y, z of the part's centre (m), yaw (rad)."""
    height = float(np.mean(config.part.height_m))
    taught = []
    for pose, bottom in ((config.part_pose, 0.0), (config.slot_pose, TRAY_HEIGHT)):
        x, y, yaw = (float(np.mean(bounds)) for bounds in (pose.x_m, pose.y_m, pose.yaw_rad))
        taught.append(np.array([x, y, bottom + height / 2, yaw]))
    return taught[0], taught[1]


def _pose(config: PoseConfig, stream: np.random.Generator) -> tuple[float, float, float]:
    x, y, yaw = (stream.uniform(low, high) for low, high in (config.x_m, config.y_m, config.yaw_rad))
    return x, y, yaw
