from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.rendering import CAMERAS, HEIGHT, WIDTH, render
from robocell_envs.robot_description import FINGER_JOINTS


@pytest.mark.parametrize("name", CAMERAS)
def test_each_camera_sees_part_and_fingers(name):
    env = PickPlaceEnv(render_mode="rgb_array")
    env.reset(seed=0)
    scene, client = env.plant.world, env.plant.world.client
    pictures = [render(scene, CAMERAS[name])]
    client.resetBasePositionAndOrientation(scene.part, [0.0, 0.0, -9.0], [0.0, 0.0, 0.0, 1.0])
    pictures.append(render(scene, CAMERAS[name]))
    for joint in FINGER_JOINTS:
        client.resetJointState(scene.arm, joint, 0.0)
    pictures.append(render(scene, CAMERAS[name]))
    env.close()
    assert all(picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures)
    for before, after in pairwise(pictures):
        assert (np.abs(before.astype(int) - after).max(axis=2) > 30).sum() > 20
