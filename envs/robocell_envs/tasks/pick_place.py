"""Pick-and-place of one part: measures, success, failure classes and reward terms, all pure functions of the truth."""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.stations import Point
from robocell_controller.contract import Array
from robocell_controller.path.estimator import is_holding, nearest_branch
from robocell_controller.record import record
from robocell_envs.config.simulation import TaskConfig
from robocell_envs.engine.world import Truth
from robocell_envs.scene.scenario import Scenario

PLACED, OFF_TABLE, COLLISION, CRUSHED, MISSED = "placed", "off_table", "collision", "crushed", "missed"
OUT_OF_TIME = "out_of_time"  # a failure as the others are: who has misplaced a part should not get away with waiting
_FALLEN = -0.02  # m, height of the part's centre
_SEATED = 0.005  # m, greatest height error of a part that lies in the slot
_RAISED = 0.01  # m over its support: counts as lifted
TERMS = ("reach", "place", "grip", "success", "precision", "failure", "drop", "time", "energy", "force")


@record(frozen=True, slots=True)
class Measures:
    """What the task looks at, at one instant.

    Attributes:
        reach: distance from TCP to the part's centre, m.
        error: offset of the part's centre from its place, x, y, z, m.
        yaw_error: absolute, rad, up to quarter turns.
        tilt: rad.
        speed: of the part, m/s.
        held: the part is between the pads, and they press on it.
        raised: the part's bottom is clearly over table and tray.
        clear: height of the TCP over the part's top, m.
        off_table: the part has fallen from the table.
        impact: N, with which the open hand has struck the part from above.
        press: N, with which the hand has struck or pressed on what is not the part.
        crushed: a finger presses harder on the part than it bears.
        missed: the part has left the end of the belt.
        binned: the part lies in the bin that it belongs into.
    """

    reach: float
    error: tuple[float, float, float]
    yaw_error: float
    tilt: float
    speed: float
    held: bool
    raised: bool
    clear: float
    off_table: bool
    impact: float
    press: float
    crushed: bool
    missed: bool
    binned: bool = False

    @property
    def distance(self) -> float:
        """Distance of the part from its place, m."""
        return math.hypot(*self.error)

    @property
    def placement_error(self) -> float:
        """Horizontal distance of the part from its place, m."""
        return math.hypot(self.error[0], self.error[1])


@record(frozen=True, slots=True)
class Spent:
    """What a policy period has taken: time, s; work of the joints, J; growth of the greatest force on the part, N."""

    time: float
    energy: float
    force: float


def place_position(scenario: Scenario) -> Array:
    """Where the centre of the part belongs, [3] m."""
    centre: Array = scenario.slot_position + np.array([0.0, 0.0, scenario.part.height / 2])
    return centre


def measure(scenario: Scenario, truth: Truth, tcp_position: Array) -> Measures:
    """Measures of the true state; ``tcp_position`` [3] m."""
    part = scenario.part
    half = part.height / 2
    yaw_error = abs(nearest_branch(truth.part_yaw, scenario.slot_yaw, part.symmetry) - scenario.slot_yaw)
    position, tcp, slot = truth.part_position.tolist(), tcp_position.tolist(), scenario.slot_position.tolist()
    error = (position[0] - slot[0], position[1] - slot[1], position[2] - slot[2] - half)
    held = is_holding(truth.gripper_effort, truth.gripper_width, part.width)
    raised = position[2] - half > scenario.support(position) + _RAISED
    clear, off_table = tcp[2] - position[2] - half, position[2] < _FALLEN
    crushed = truth.part_force > part.crush_force
    missed, binned = _missed(scenario, truth, position), _binned(scenario, truth)
    return Measures(  # in the fields' order: a call that names them takes three times as long
        math.dist(position, tcp), error, yaw_error, truth.part_tilt, truth.part_speed,
        held, raised, clear, off_table, truth.impact, truth.press, crushed, missed, binned,
    )  # fmt: skip


def _missed(scenario: Scenario, truth: Truth, position: Point) -> bool:
    """A part that no hand has touched has come to the end of its belt."""
    belt = scenario.belt
    if belt is None or truth.part_force > 0.0:
        return False
    if not belt.config.carries(position, scenario.part.height):
        return False
    along, _ = belt.config.coordinates(position)
    return along > belt.config.length_m / 2 - scenario.part.width


def _binned(scenario: Scenario, truth: Truth) -> bool:
    """A part is in its bin when its bottom is below the rim; how it lies there is all the same."""
    box = scenario.bin
    if box is None or not box.covers(truth.part_position):
        return False
    return bool(truth.part_position[2] - scenario.part.height / 2 < box.wall_height_m)


def in_slot(config: TaskConfig, now: Measures) -> bool:
    """The part lies in its slot, within tolerance."""
    return (
        now.placement_error < config.place_tolerance_m
        and abs(now.error[2]) < _SEATED
        and now.yaw_error < config.yaw_tolerance_rad
        and now.tilt < config.tilt_tolerance_rad
    )


def success(config: TaskConfig, now: Measures) -> bool:
    """In the slot, at rest, released, and the hand is clear of it; or let fall into its bin."""
    if now.binned:
        return not now.held
    released = not now.held and now.clear > config.clearance_m
    return in_slot(config, now) and released and now.speed < config.rest_speed_m_s


def dropped(before: Measures, now: Measures) -> bool:
    """The part was in the hand in the air, and no longer is in the hand."""
    return before.held and before.raised and not now.held and now.raised


def outcome(config: TaskConfig, now: Measures) -> str | None:
    """How the cycle has just ended, or None while it is open."""
    if now.impact > config.impact_limit_n or now.press > config.press_limit_n:
        return COLLISION
    if now.crushed:
        return CRUSHED
    if now.off_table:
        return OFF_TABLE
    if now.missed:
        return MISSED
    return PLACED if success(config, now) else None


def failure_class(config: TaskConfig, now: Measures, was_lifted: bool, drops: int) -> str:
    """Why a cycle that has ended without success did so."""
    ended = outcome(config, now)
    if ended:
        return ended
    if now.held:
        return "still_held"
    if drops and not in_slot(config, now):
        return "dropped"
    if not was_lifted:
        return "not_picked"
    return "hand_not_clear" if in_slot(config, now) else "misplaced"


def imprecision(config: TaskConfig, now: Measures) -> float:
    """How far a part is off its place, as shares of the tolerances, squared: 0 to 2; 0 for one in its bin."""
    if now.binned:
        return 0.0
    return (now.placement_error / config.place_tolerance_m) ** 2 + (now.yaw_error / config.yaw_tolerance_rad) ** 2


def reward_terms(
    config: TaskConfig, before: Measures, now: Measures, ended: str | None, spent: Spent
) -> dict[str, float]:
    """Weighted terms by name; their sum is the reward.

    ``ended`` is how the cycle has ended, if it has: its outcome, or ``OUT_OF_TIME``. Reach, place and grip are
    differences of potentials, so they cancel over any closed loop. Without precision, success would be a cliff: who
    is hurried comes ever nearer to its edge, and rarely sees it.
    """
    weights, placed = config.reward, ended == PLACED
    return {
        "reach": weights.reach_per_m * (before.reach - now.reach),
        "place": weights.place_per_m * (before.distance - now.distance),
        "grip": weights.grip * (float(now.held and now.raised) - float(before.held and before.raised)),
        "success": weights.success * float(placed),
        "precision": weights.precision * imprecision(config, now) if placed else 0.0,
        "failure": weights.failure * float(ended not in (None, PLACED)),
        "drop": weights.drop * float(dropped(before, now)),
        "time": weights.time_per_s * spent.time,
        "energy": weights.energy_per_j * spent.energy,
        "force": weights.force_per_n * spent.force,
    }
