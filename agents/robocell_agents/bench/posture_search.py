"""The postures at grasp and place that let the three legs of a cycle take the least time together.

One nonlinear program for each choice of faces, solved by SciPy's SLSQP from the postures nearest to the rest posture.
Its variables are both postures and the legs' times; a time is long enough if each joint's way is within its reach.
Elbow and wrist stay on their side: turning them over takes longer than a cycle. Jerk is not limited here, which
shortens every leg by acceleration / jerk (2 ms in each joint of the Panda) and so does not move the optimum.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from robocell_agents.bench.joint_time import reach
from robocell_controller.arm.kinematics import Kinematics, TcpPose
from robocell_controller.arm.robot import JointLimits
from robocell_controller.contract import JOINTS, Array
from robocell_controller.errors import InputError
from robocell_controller.path.estimator import nearest_branch
from robocell_envs.config.simulation import TaskConfig
from robocell_envs.scene.scenario import Scenario
from robocell_envs.tasks.pick_place import place_position

_FIRST_GUESS = (0.6, 0.6, 0.1)  # s for each leg
_SHORTEST_LEG, _LONGEST_LEG = 0.01, 3.0  # s; the reach is smooth in between
_EXACT = 1e-5  # m, rad: how well a solution must keep to its constraints
_GRADIENT = np.concatenate([np.zeros(2 * JOINTS), np.ones(3)])  # of the sum of the times


class _Yaws(NamedTuple):
    """Of the hand when it grasps, and when the part lies in its slot as it should, rad."""

    grasp: float
    place: float


class _Point(NamedTuple):
    """A point of the search: postures at grasp and place, [7] rad each, and the times of the legs, [3] s."""

    grasp: Array
    place: Array
    times: Array


def best_postures(
    kinematics: Kinematics,
    limits: JointLimits,
    task: TaskConfig,
    scenario: Scenario,
    start: tuple[Array, Array, float],
) -> tuple[Array, Array]:
    """Postures at grasp and place, [7] rad each, the best over all choices of faces.

    Args:
        kinematics: of the arm.
        limits: of its joints.
        task: tolerances of the place, and the clearance.
        scenario: part, slot.
        start: joint positions [7] rad and velocities [7] rad/s, and the time that the fingers take to close, s.

    Raises:
        InputError: part or slot is out of reach.
    """
    search = _Search(kinematics, limits, task, scenario, start)
    found = [point for yaws in search.choices() for point in search.optimum(yaws)]
    if not found:
        place = f"part at {scenario.part_position} m, slot at {scenario.slot_position} m"
        raise InputError("cell: simulation", place, "both within the arm's reach")
    best = min(found, key=lambda point: float(point.times.sum()))
    return best.grasp, best.place


class _Search:
    """The search for one cycle; ``yaws`` say which faces of the part the hand takes, and how the part is placed."""

    def __init__(
        self,
        kinematics: Kinematics,
        limits: JointLimits,
        task: TaskConfig,
        scenario: Scenario,
        start: tuple[Array, Array, float],
    ) -> None:
        self._kinematics, self._limits, self._task = kinematics, limits, task
        self._part, self._slot = scenario.part_position, place_position(scenario)
        self._width, self._height = scenario.part.width, scenario.part.height
        self._symmetry = scenario.part.info.symmetry
        self._nearest = _Yaws(
            *(nearest_branch(yaw, scenario.start_yaw, self._symmetry) for yaw in (scenario.part_yaw, scenario.slot_yaw))
        )
        self._q, self._dq, self._fingers_s = start

    def choices(self) -> list[_Yaws]:
        """The yaws of the hand worth a search: those nearest to its yaw at the start, and some turns from there."""
        if self._symmetry == 0:
            return [self._nearest]
        most = math.ceil(self._symmetry / 4)  # these cover a quarter turn; beyond, the wrist only has further to go
        turns = [2.0 * math.pi / self._symmetry * number for number in range(-most, most + 1)]
        return [_Yaws(self._nearest.grasp + a, self._nearest.place + b) for a, b in itertools.product(turns, repeat=2)]

    def optimum(self, yaws: _Yaws) -> list[_Point]:
        """The local optimum for one choice of faces, or none."""
        try:
            grasp = self._kinematics.inverse(self._part, yaws.grasp)
            place = self._kinematics.inverse(self._slot, yaws.place)
        except ValueError:
            return []
        lifting = np.sign(self._kinematics.pose_and_jacobian(place)[1][2])
        zero, positive = partial(self._zero, yaws), partial(self._positive, yaws, lifting)
        values = minimize(
            lambda values: values[2 * JOINTS :].sum(),
            np.concatenate([grasp, place, _FIRST_GUESS]),
            jac=lambda values: _GRADIENT,
            bounds=self._bounds(),
            constraints=[{"type": "eq", "fun": zero}, {"type": "ineq", "fun": positive}],
            method="SLSQP",
        ).x
        exact = np.abs(zero(values)).max() < _EXACT and positive(values).min() > -_EXACT
        return [_point(values)] if exact else []

    def _bounds(self) -> list[tuple[float, float]]:
        joints = list(zip(self._limits.lower.tolist(), self._limits.upper.tolist(), strict=True))
        others = (_SHORTEST_LEG, _LONGEST_LEG)
        return [*joints, *joints, (max(self._fingers_s, _SHORTEST_LEG), _LONGEST_LEG), others, others]

    def _zero(self, yaws: _Yaws, values: Array) -> Array:
        """Tilts (1) of the hand, its turn against the faces (rad), the part off the pads' middle and its floor (m)."""
        grasp, place = self._poses(_point(values))
        turn = [math.sin(grasp.yaw - yaws.grasp)] if self._symmetry else []
        across, off_floor = self._in_hand(grasp)[1], self._placed(grasp, place)[2]
        return np.array([*grasp.rotation[:2, 2], *place.rotation[:2, 2], *turn, across, off_floor])

    def _positive(self, yaws: _Yaws, lifting: Array, values: Array) -> Array:
        """Room within the part (m), the slot's tolerances (m, rad), the clearance (m), and the joints' reach (rad)."""
        point = _point(values)
        grasp, place = self._poses(point)
        along, _, depth = self._in_hand(grasp)
        x, y, _ = self._placed(grasp, place)
        turn = math.sin(place.yaw - yaws.place) if self._symmetry else 0.0
        retreat = 0.5 * self._limits.acceleration * point.times[2] ** 2  # no joint is at full speed by then
        raised = self._kinematics.pose(point.place + lifting * retreat).position[2]
        room = [
            self._width / 2 - along,
            self._width / 2 + along,
            self._height / 2 - depth,
            self._height / 2 + depth,
            self._task.place_tolerance_m - math.hypot(x, y),
            self._task.yaw_tolerance_rad - turn,
            self._task.yaw_tolerance_rad + turn,
            raised - (self._slot[2] + self._height / 2 + self._task.clearance_m),
        ]
        return np.concatenate([room, *self._joint_room(point)])

    def _joint_room(self, point: _Point) -> list[Array]:
        """How much further each joint could have gone in the first two legs, upwards and downwards, [7] rad each."""
        first, second = point.grasp - self._q, point.place - point.grasp
        furthest = reach(self._limits, point.times[1], np.zeros(JOINTS))
        return [
            reach(self._limits, point.times[0], self._dq) - first,
            reach(self._limits, point.times[0], -self._dq) + first,
            furthest - second,
            furthest + second,
        ]

    def _poses(self, point: _Point) -> tuple[TcpPose, TcpPose]:
        return self._kinematics.pose(point.grasp), self._kinematics.pose(point.place)

    def _in_hand(self, grasp: TcpPose) -> Array:
        """The TCP seen from the part, [3] m, along the hand's axes: along the pads, across, down."""
        seen: Array = grasp.rotation.T @ (grasp.position - self._part)
        return seen

    def _placed(self, grasp: TcpPose, place: TcpPose) -> Array:
        """The part at the place, held as it was grasped, seen from where it belongs, [3] m."""
        return place.position - place.rotation @ self._in_hand(grasp) - self._slot


def _point(values: Array) -> _Point:
    return _Point(values[:JOINTS], values[JOINTS : 2 * JOINTS], values[2 * JOINTS :])
