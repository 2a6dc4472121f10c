"""The one path from sensors to drives, shared by training, evaluation and deployment.

    CellState → Estimator → Observer → (policy or program) → Motion → SafetyKernel → Segment

The simulated environment is this path around a simulated plant; the controller is this path around a clock.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from robocell_controller.arm.motion import Motion, MotionConfig, RatesConfig, gripper_action
from robocell_controller.arm.robot import RobotConfig
from robocell_controller.arm.safety import SafetyKernel, Verdict
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.contract import ACTION_SIZE, Array, CellState, Setpoint
from robocell_controller.path.crossing import ANYWHERE, crossing
from robocell_controller.path.estimator import Estimator, View
from robocell_controller.path.observer import Observer

# Of an action from 0 to 1: 0.16 mm of a policy period's way. What two machines compute differently in the last bits of
# a network then as good as never reaches the arm.
# A float of this size has no finer steps than 1/256: adding it and taking it away rounds, and half goes to even.
_GRID = 1.5 * 2.0**44
# Of the crush force that the recipe tells, which may be 30 % too high; the rest is for the grip's own overshoot.
_BEARABLE = 0.65


class ControlPath:
    """State of the path: the last setpoint, the gripper command in force and the estimator's memory."""

    def __init__(
        self, robot: RobotConfig, motion: MotionConfig, rates: RatesConfig, belt: BeltConfig | None = None
    ) -> None:
        """Builds the chain for one robot and, if there is one, the belt that parts come on."""
        self._motion = Motion(robot, motion, rates)
        self._kernel = SafetyKernel(robot.limits, rates)
        self._estimator = Estimator(self._motion.kinematics, belt)
        self._observer = Observer(motion)
        self._force = robot.gripper.force_max_n
        self.kinematics = self._motion.kinematics

    def reset(self, q: Array, dq: Array, gripper_command: float) -> None:
        """Bumpless start: the first setpoint is where the joints are, ``q`` [7] rad, and go, ``dq`` [7] rad/s."""
        self.setpoint = Setpoint(q.copy(), dq.copy(), np.zeros_like(q))
        self.gripper_command = gripper_command
        self._firmest = 1.0  # share of the gripper's force that the part bears
        self._crossing = ANYWHERE
        self._estimator.reset()

    def view(self, state: CellState) -> View:
        """What a program acts on; call once per policy period."""
        self._firmest = min(1.0, _BEARABLE * state.part.crush_force / self._force)
        view = self._estimator.view(state, self.setpoint, self.gripper_command)
        self._crossing = crossing(view)
        return view

    def observation(self, view: View) -> npt.NDArray[np.float32]:
        """What a policy acts on."""
        return self._observer.vector(view)

    def command(self, action: npt.NDArray[np.floating]) -> Verdict:
        """Certified segment for one action; anything but five finite numbers counts as *stop*, gripper unchanged.

        Whoever acts, the hand grips no harder than the part in the cell bears by its recipe, and crosses other parts
        above them, see :mod:`robocell_controller.path.crossing`.
        """
        return self._adopt(self.preview(action))

    def preview(self, action: npt.NDArray[np.floating]) -> Verdict:
        """What :meth:`command` would answer now; nothing changes."""
        wanted = _sane(action)
        x, y, *others = self._stop() if wanted is None else wanted
        floor, share = self._crossing.floor, self._crossing.share
        planned = self._motion.plan(self.setpoint, [share * x, share * y, *others], self._firmest, floor)
        verdict = self._kernel.certify(self.setpoint, planned)
        return replace(verdict, reason=verdict.reason or "action not finite") if wanted is None else verdict

    def escape(self, point: Array) -> Verdict:
        """Certified segment of a straight way to ``point`` [3] m, fingers opening; like :meth:`home`."""
        return self._adopt(self._kernel.certify(self.setpoint, self._motion.plan_escape(self.setpoint, point)))

    def home(self, goal: Array) -> Verdict:
        """Certified segment of the way to a posture ``goal`` [7] rad, fingers opening; no policy is asked."""
        return self._adopt(self._kernel.certify(self.setpoint, self._motion.plan_home(self.setpoint, goal)))

    def _adopt(self, verdict: Verdict) -> Verdict:
        self.setpoint = verdict.setpoint
        self.gripper_command = verdict.segment.gripper
        return verdict

    def _stop(self) -> list[float]:
        return [0.0, 0.0, 0.0, 0.0, gripper_action(self.gripper_command)]


def _sane(action: npt.NDArray[np.floating]) -> list[float] | None:
    values = np.asarray(action, dtype=np.float64)
    if values.shape != (ACTION_SIZE,):
        return None
    numbers: list[float] = values.tolist()
    if not all(map(math.isfinite, numbers)):
        return None
    within = min(numbers) >= -1.0 and max(numbers) <= 1.0
    clipped = numbers if within else [min(max(number, -1.0), 1.0) for number in numbers]
    return [(number + _GRID) - _GRID for number in clipped]
