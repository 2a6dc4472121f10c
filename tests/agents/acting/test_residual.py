from __future__ import annotations

import numpy as np
import pytest

from robocell_agents.acting.residual import ResidualEnv
from robocell_agents.acting.training_config import ResidualConfig
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv


def test_a_wrong_correction_is_refused_before_it_is_added_and_clipped() -> None:
    env = ResidualEnv(PickPlaceEnv(), ResidualConfig(program="guided", share=0.2))
    env.reset(seed=0)
    for wrong in (0.0, np.zeros((1, 5)), np.zeros(4)):
        with pytest.raises(InputError, match=r"^action: shape"):
            env.step(wrong)  # type: ignore[arg-type]
    with pytest.raises(FloatingPointError, match=r"step 1: action tcp_dx is inf"):
        env.step(np.array([np.inf, 0.0, 0.0, 0.0, 0.0], np.float32))
    assert env.step(np.zeros(5, np.float32))[0].shape == (33,)
    env.close()
