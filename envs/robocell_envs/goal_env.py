"""The cell as a goal-conditioned Gymnasium environment, for hindsight experience replay (HER)."""

from __future__ import annotations

from typing import Any, TypedDict

import gymnasium
import numpy as np
import numpy.typing as npt

from robocell_controller.contract import Array
from robocell_controller.path.estimator import View
from robocell_envs.cell_env import Action, Observation, PickPlaceEnv
from robocell_envs.engine.lifetime import Unique
from robocell_envs.plant.cell_checks import CellName

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
_REACH = 2.0  # m, bound of each coordinate of a goal; the cell lies well inside


class GoalObservation(TypedDict):
    """An observation with the goal that it has reached and the one that is wanted, [3] m each."""

    observation: Observation
    achieved_goal: npt.NDArray[np.float32]
    desired_goal: npt.NDArray[np.float32]


def goal_observation(observation: Observation, view: View) -> GoalObservation:
    """The observation of :class:`PickPlaceGoalEnv` for one observation and view of :class:`PickPlaceEnv`."""
    return GoalObservation(
        observation=observation,
        achieved_goal=np.clip(view.part_position, -_REACH, _REACH).astype(np.float32),
        desired_goal=view.place_position.astype(np.float32),
    )


class PickPlaceGoalEnv(Unique, gymnasium.Env[GoalObservation, Action]):
    """Bring one part to its place: :class:`PickPlaceEnv` with the goal told apart from the rest.

    **Observation** (``Dict``, float32):

    ============= ===== ==== ==============================================================
    key           shape unit meaning
    ============= ===== ==== ==============================================================
    observation   [33]  1    observation of ``PickPlaceEnv``
    achieved_goal [3]   m    part centre as the sensors tell it, frame ``base``
    desired_goal  [3]   m    where the part's centre belongs, frame ``base``
    ============= ===== ==== ==============================================================

    **Action**: that of ``PickPlaceEnv``.

    **Reward**: 0 where achieved and desired goal are within the task's place tolerance, else -1; a function
    of the two goals alone, because HER exchanges stored goals and asks for their rewards again.
    **Success** (``info["is_success"]``): the reward is 0. Whether the part was also released and left alone
    is ``info["is_placed"]``, the success of ``PickPlaceEnv``.
    **Episode end**: never terminated, because HER keeps the stored ends when it exchanges goals, and because
    an early end is worth having where each step costs 1; truncated when ``PickPlaceEnv`` ends.

    **Version history**: v0, first version.
    """

    metadata: dict[str, Any] = PickPlaceEnv.metadata

    def __init__(self, cell: CellName = "pick_place", render_mode: str | None = None) -> None:
        """Builds the cell.

        Args:
            cell: a config, or the name or file of one.
            render_mode: that of ``PickPlaceEnv``.
        """
        self.cell_env = PickPlaceEnv(cell, render_mode)
        self.render_mode = render_mode
        self.action_space = self.cell_env.action_space
        position = gymnasium.spaces.Box(-_REACH, _REACH, (3,), dtype=np.float32)
        spaces = (self.cell_env.observation_space, position, position)
        self.observation_space = gymnasium.spaces.Dict(dict(zip(GOAL_KEYS, spaces, strict=True)))  # type: ignore[assignment]
        self._tolerance = self.cell_env.plant.config.task.place_tolerance_m

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[GoalObservation, dict[str, Any]]:
        """A new part; bit-reproducible from ``seed``, and so is every reset after it."""
        super().reset(seed=seed)
        observation, info = self.cell_env.reset(seed=seed, options=options)
        return goal_observation(observation, self.cell_env.view), info

    def step(self, action: Action) -> tuple[GoalObservation, float, bool, bool, dict[str, Any]]:
        """One policy period."""
        vector, _, terminated, truncated, info = self.cell_env.step(action)
        observation = goal_observation(vector, self.cell_env.view)
        reward = float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], info))
        info["is_placed"], info["is_success"] = info["is_success"], reward == 0.0
        return observation, reward, False, terminated or truncated, info

    def compute_reward(
        self, achieved_goal: npt.NDArray[np.floating], desired_goal: npt.NDArray[np.floating], info: object
    ) -> npt.NDArray[np.float32]:
        """Rewards for any shape of batch.

        Args:
            achieved_goal: [..., 3] m.
            desired_goal: [..., 3] m.
            info: not used.

        Returns:
            [...], 0 within the place tolerance, else -1.
        """
        offset: Array = np.asarray(achieved_goal, dtype=np.float64) - desired_goal
        return np.asarray(np.linalg.norm(offset, axis=-1) < self._tolerance, dtype=np.float32) - np.float32(1.0)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """What ``PickPlaceEnv.render`` returns."""
        return self.cell_env.render()

    def random_state(self) -> dict[str, Any]:
        """State of the stream that resets draw from, as JSON."""
        return self.cell_env.random_state()

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Lets resets go on drawing where :meth:`random_state` was taken."""
        self.cell_env.set_random_state(state)

    def close(self) -> None:
        """Ends the simulator."""
        self.cell_env.close()
