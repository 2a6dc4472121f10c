from __future__ import annotations

import gymnasium
import pytest

from robocell_controller.errors import InputError
from robocell_envs import cell_env
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.engine import world
from robocell_envs.engine.bullet import connect


@pytest.mark.parametrize("name", ["RobotCell/PickPlace-v0", "RobotCell/PickPlaceGoal-v0"])
def test_no_window_without_a_display(name, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":nowhere")
    with pytest.raises(InputError, match="no display"):
        gymnasium.make(name, render_mode="human")


def test_the_window_waits_for_each_policy_period(monkeypatch):
    class Clock:
        waits = 0

        def wait(self) -> int:
            self.waits += 1
            return 0

    clock, rates = Clock(), []
    monkeypatch.setattr(world, "connect_window", connect)
    monkeypatch.setattr(cell_env, "viewed", lambda client, hz: rates.append(hz) or clock)
    env = PickPlaceEnv(render_mode="human")
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    assert env.render() is None
    env.close()
    assert clock.waits == 3
    assert rates == [env.metadata["render_fps"]]
