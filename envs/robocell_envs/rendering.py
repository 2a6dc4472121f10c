"""Pictures of the simulated cell, drawn by Bullet's software renderer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from robocell_envs.bullet import pybullet
from robocell_envs.world import World

WIDTH, HEIGHT = 480, 360


def render(world: World) -> npt.NDArray[np.uint8]:
    """Side view of the cell, uint8 [HEIGHT, WIDTH, 3]."""
    view = pybullet.computeViewMatrix([1.15, 0.62, 0.62], [0.42, 0.0, 0.12], [0.0, 0.0, 1.0])
    projection = pybullet.computeProjectionMatrixFOV(42.0, WIDTH / HEIGHT, 0.05, 4.0)
    _, _, pixels, _, _ = world.client.getCameraImage(
        WIDTH,
        HEIGHT,
        view,
        projection,
        lightDirection=[0.6, 0.8, 2.0],
        shadow=1,
        renderer=pybullet.ER_TINY_RENDERER,
    )
    return np.asarray(pixels, dtype=np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, :3]
