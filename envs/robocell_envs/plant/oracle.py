"""The oracle program: the pick-and-place law on the true state. It exists in simulation only."""

from __future__ import annotations

from dataclasses import replace

from robocell_controller.contract import Array
from robocell_controller.path.estimator import View, nearest_branch
from robocell_controller.path.programs import PickPlaceProgram
from robocell_envs.plant.simulated import SimulatedPlant


def true_view(view: View, plant: SimulatedPlant) -> View:
    """The view with its estimates replaced by the truth; the part's yaw stays on the view's branch."""
    truth = plant.truth
    return replace(
        view,
        part_position=truth.part_position,
        part_yaw=nearest_branch(truth.part_yaw, view.part_yaw, view.part.symmetry),
        gripper_width=truth.gripper_width,
        gripper_effort=truth.gripper_effort,
        part_age=0.0,
    )


class OracleProgram:
    """Acts on :func:`true_view`; needs the plant that it is to look into."""

    def __init__(self, law: PickPlaceProgram, plant: SimulatedPlant) -> None:
        """Takes the tuned law and the plant."""
        self._law = law
        self._plant = plant

    def act(self, view: View) -> Array:
        """Action for the current moment of the plant."""
        return self._law.act(true_view(view, self._plant))
