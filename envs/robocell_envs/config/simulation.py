"""Schema of a cell's ``simulation`` section: parts, poses, sensors and task."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import Field

from robocell_controller.arm.robot import Positive
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, parse
from robocell_controller.contract import JOINTS, Array
from robocell_controller.errors import InputError
from robocell_envs.config.faults import EventConfig, FaultsConfig
from robocell_envs.config.ranges import (
    AngleRange,
    CrushForceRange,
    DensityRange,
    Friction,
    FrictionRange,
    HeightRange,
    NotNegative,
    NotNegativeRange,
    PositiveRange,
    Range,
    RangeOf,
    WidthRange,
)


class PartConfig(Config):
    """Kinds and ranges that each part is drawn from, uniformly. The recipe knows the crush force to ±30 %."""

    kinds: Annotated[list[Literal["box", "cylinder", "prism"]], Len(1)]
    width_m: WidthRange
    height_m: HeightRange
    density_kg_m3: DensityRange
    friction: FrictionRange
    crush_force_n: CrushForceRange


class PoseConfig(Config):
    """Ranges of a pose on the table."""

    x_m: Range
    y_m: Range
    yaw_rad: AngleRange


class BeltMotionConfig(Config):
    """Ranges of the infeed belt's speed and of its friction against parts, and how fast it changes its speed."""

    speed_m_s: NotNegativeRange
    friction: FrictionRange
    acceleration_m_s2: Positive


class SupplyConfig(Config):
    """How a recipe's parts come: their scatter (across a belt: its lanes), their defects, their spacing on a belt."""

    scatter_m: Annotated[float, Ge(0), Le(0.1)]
    yaw_rad: AngleRange
    defects: Annotated[float, Ge(0), Le(1)]
    oversize_m: PositiveRange
    spacing_m: RangeOf[Annotated[float, Ge(0.1)]] | None = None  # turned parts, 0.07 m wide at most, lie apart


class StartConfig(Config):
    """Ranges of the TCP's position, yaw and upward speed and of the gripper's width at the start of an episode."""

    x_m: Range
    y_m: Range
    z_m: PositiveRange
    yaw_rad: AngleRange
    rise_m_s: Range
    gripper_m: PositiveRange


class SensorConfig(Config):
    """One sensor: rate → noise → bias → delay → dropout. Noise and bias are given as standard deviations."""

    rate_hz: Annotated[float, Gt(0), Le(10_000)]
    delay_s: NotNegative
    dropout: Annotated[float, Ge(0), Lt(1)]

    def spreads(self) -> tuple[Array, Array]:
        """Standard deviations of noise and bias, [n] each."""
        raise NotImplementedError


class JointSensorConfig(SensorConfig):
    """Encoders and torque sensors of all joints."""

    noise_rad: NotNegative
    noise_rad_s: NotNegative
    noise_n_m: NotNegative
    bias_rad: NotNegative
    bias_n_m: NotNegative

    def spreads(self) -> tuple[Array, Array]:
        """Noise and bias of positions, velocities, torques; both [21]."""
        noise = np.repeat([self.noise_rad, self.noise_rad_s, self.noise_n_m], JOINTS)
        return noise, np.repeat([self.bias_rad, 0.0, self.bias_n_m], JOINTS)


class GripperSensorConfig(SensorConfig):
    """Width and effort of the gripper."""

    noise_m: NotNegative
    noise_n: NotNegative
    bias_m: NotNegative
    bias_n: NotNegative

    def spreads(self) -> tuple[Array, Array]:
        """Noise and bias of width, effort; both [2]."""
        return np.array([self.noise_m, self.noise_n]), np.array([self.bias_m, self.bias_n])


class TrackerConfig(SensorConfig):
    """The camera system that tracks the part's pose."""

    noise_m: NotNegative
    noise_rad: NotNegative
    bias_m: NotNegative
    bias_rad: NotNegative

    def spreads(self) -> tuple[Array, Array]:
        """Noise and bias of x, y, z, yaw; both [4]."""
        return np.array([*[self.noise_m] * 3, self.noise_rad]), np.array([*[self.bias_m] * 3, self.bias_rad])


class BeltSensorConfig(SensorConfig):
    """The belt's encoder."""

    noise_m: NotNegative

    def spreads(self) -> tuple[Array, Array]:
        """Noise and bias of the way gone; both [1]."""
        return np.array([self.noise_m]), np.zeros(1)


class SensorsConfig(Config):
    """The sensors of the cell."""

    joints: JointSensorConfig
    gripper: GripperSensorConfig
    tracker: TrackerConfig
    belt: BeltSensorConfig


class RewardConfig(Config):
    """Weights of the reward terms."""

    reach_per_m: NotNegative
    place_per_m: NotNegative
    grip: NotNegative
    success: NotNegative
    precision: Annotated[float, Le(0)]
    failure: Annotated[float, Le(0)]
    drop: Annotated[float, Le(0)]
    time_per_s: Annotated[float, Le(0)]
    energy_per_j: Annotated[float, Le(0)]
    force_per_n: Annotated[float, Le(0)]


class TaskConfig(Config):
    """What counts as placed, and what is rewarded."""

    place_tolerance_m: Annotated[float, Gt(0), Le(0.05)]  # half a tray
    yaw_tolerance_rad: Annotated[float, Gt(0), Le(math.pi)]
    tilt_tolerance_rad: Annotated[float, Gt(0), Le(math.pi / 2)]
    clearance_m: Positive
    rest_speed_m_s: Positive
    impact_limit_n: Positive
    press_limit_n: Positive
    reward: RewardConfig


Iterations = Annotated[int, Gt(0), Le(1000)]  # the fine reference takes 200


class SolverConfig(Config):
    """Iterations of the contact solver: while the hand is open, and while it closes or grips with up to 28 N."""

    open: Iterations
    gripping: Iterations


class SimulationConfig(Config):
    """The section ``simulation`` of a cell config."""

    solver_iterations: SolverConfig
    part: PartConfig
    part_pose: PoseConfig
    slot_pose: PoseConfig
    start: StartConfig
    belt: BeltMotionConfig | None = None
    recipe: str | None = None
    supply: SupplyConfig | None = None
    table_friction: Friction
    sensors: SensorsConfig
    task: TaskConfig
    faults: FaultsConfig = FaultsConfig()
    events: list[EventConfig] = Field(default_factory=list)


def key_at(place: str, key: str) -> str:
    """A key of what lies at ``place``: a file or thing, or a key of one (``suite.yaml: conditions.odd``)."""
    return f"{place}.{key}" if ": " in place else f"{place}: {key}"


def simulation_config(cell: CellConfig, place: str = "cell") -> SimulationConfig:
    """The checked ``simulation`` section of a cell; ``place`` says in errors where the cell comes from."""
    config = parse(SimulationConfig, cell.simulation, key_at(place, "simulation"))
    if (config.belt is None) != (cell.belt is None):
        raise InputError(
            key_at(place, "belt"), "where it lies or how it runs, not both", "both belt and simulation.belt, or neither"
        )
    if (config.recipe is None) != (config.supply is None):
        raise InputError("cell: simulation.recipe", "a recipe or a supply, not both", "both of them, or neither")
    return config
