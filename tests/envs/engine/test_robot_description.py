from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.engine.robot_description import urdf_file


@pytest.mark.parametrize("visual", [False, True])
def test_the_arm_is_loaded_without_a_file_that_could_be_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visual: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = PickPlaceEnv(render_mode="rgb_array" if visual else None)
    env.reset(seed=0)
    assert env.plant.world.client.getNumJoints(env.plant.world.arm) == 9
    with urdf_file(env.cell.load_robot(), visual) as path:
        assert Path(path).read_text().count("<visual") == 9 * visual + 2 * visual
    assert not Path(path).exists() and not list(tmp_path.iterdir())
    env.close()
