"""Residual reinforcement learning: the policy corrects a program that does the work.

After Silver et al. 2018, arXiv:1812.06298, and Johannink et al. 2019, arXiv:1812.03201. A bundle cannot hold such a
policy, because it is none without its program.
"""

from __future__ import annotations

import gymnasium
import numpy as np

from robocell_agents.acting.demonstrations import corrected
from robocell_agents.acting.training_config import ResidualConfig
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import Action, Observation, PickPlaceEnv


class ResidualEnv(gymnasium.ActionWrapper[Observation, Action, Action]):
    """A cell in which the action is a correction of the program's, see :func:`corrected`."""

    def __init__(self, env: gymnasium.Env[Observation, Action], config: ResidualConfig) -> None:
        super().__init__(env)
        assert isinstance(env.unwrapped, PickPlaceEnv)
        self._cell_env, cell = env.unwrapped, env.unwrapped.cell
        law = load_program_config(config.program)
        self._program = PickPlaceProgram(law, cell.motion, cell.rates, cell.load_robot().gripper)
        self._share = config.share

    def action(self, action: Action) -> Action:
        """What the cell is to do, [5] in [-1, 1]."""
        correction = self._cell_env.checked(action)  # adding and clipping would hide a wrong shape or an infinity
        return corrected(self._program.act(self._cell_env.view).astype(np.float32), correction, self._share)
