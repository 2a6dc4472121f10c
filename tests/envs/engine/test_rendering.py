from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.engine.rendering import CAMERAS, HEIGHT, WIDTH, Camera, draw, render
from robocell_envs.engine.robot_description import FINGER_JOINTS
from robocell_envs.production_env import KittingEnv


@pytest.mark.parametrize("name", CAMERAS)
def test_each_camera_sees_part_and_fingers(name):
    env = PickPlaceEnv(render_mode="rgb_array")
    env.reset(seed=0)
    scene, client = env.plant.world, env.plant.world.client
    pictures = [render(scene.client, CAMERAS[name])]
    client.resetBasePositionAndOrientation(scene.part, [0.0, 0.0, -9.0], [0.0, 0.0, 0.0, 1.0])
    pictures.append(render(scene.client, CAMERAS[name]))
    for joint in FINGER_JOINTS:
        client.resetJointState(scene.arm, joint, 0.0)
    pictures.append(render(scene.client, CAMERAS[name]))
    env.close()
    assert all(picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures)
    for before, after in pairwise(pictures):
        assert (np.abs(before.astype(int) - after).max(axis=2) > 30).sum() > 20


def test_the_mount_of_the_trackers_camera_is_drawn_over_the_infeed():
    env = KittingEnv(render_mode="rgb_array")
    env.reset(seed=0)
    picture = draw(env.plant.world.client, Camera((1.45, -0.18, 1.0), (0.48, -0.18, 1.0), 20.0, (0.0, 0.0, 1.0), 2.0))
    env.close()
    height, width, _ = picture.shape
    assert picture[height // 2, width // 2].max() < 100.0  # the camera's dark case, in the middle


def test_what_is_drawn_only_changes_nothing():
    observations = []
    for mode in (None, "rgb_array"):
        env = KittingEnv(render_mode=mode)
        env.reset(seed=0)
        observations.append([env.step(np.array([0.0, -0.4, -0.3, 0.1, 0.6], np.float32))[0] for _ in range(30)])
        env.close()
    assert np.array_equal(*observations)
