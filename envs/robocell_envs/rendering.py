"""Pictures of the simulated cell, drawn by Bullet's software renderer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from robocell_envs.bullet import pybullet
from robocell_envs.world import World

WIDTH, HEIGHT = 480, 360
_FINER = 2  # drawn that many times larger and averaged, because the renderer leaves edges jagged
_CAMERA, _LOOKS_AT = [1.45, 0.62, 0.82], [0.33, 0.01, 0.285]  # m, frame base: the whole arm and the work area
_FIELD_OF_VIEW = 38.5  # deg, vertical
_SKY_TOP, _SKY_BOTTOM = np.array([214.0, 222.0, 230.0]), np.array([246.0, 247.0, 248.0])

Pixels = npt.NDArray[np.uint8]


def render(world: World) -> Pixels:
    """Side view of the cell, uint8 [HEIGHT, WIDTH, 3]."""
    width, height = _FINER * WIDTH, _FINER * HEIGHT
    _, _, pixels, _, bodies = world.client.getCameraImage(
        width,
        height,
        pybullet.computeViewMatrix(_CAMERA, _LOOKS_AT, [0.0, 0.0, 1.0]),
        pybullet.computeProjectionMatrixFOV(_FIELD_OF_VIEW, width / height, 0.05, 4.0),
        lightDirection=[0.9, 0.9, 2.0],
        lightAmbientCoeff=0.62,
        lightDiffuseCoeff=0.42,
        lightSpecularCoeff=0.06,
        shadow=1,
        renderer=pybullet.ER_TINY_RENDERER,
    )
    colours = np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]
    empty = np.asarray(bodies).reshape(height, width, 1) < 0
    return _averaged(np.where(empty, _sky(height), colours))


def _sky(height: int) -> npt.NDArray[np.float64]:
    """Background, [height, 1, 3]: a soft gradient instead of white."""
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    return np.asarray((1.0 - share) * _SKY_TOP + share * _SKY_BOTTOM)


def _averaged(picture: npt.NDArray[np.float64]) -> Pixels:
    blocks = picture.reshape(HEIGHT, _FINER, WIDTH, _FINER, 3)
    return np.asarray(blocks.mean(axis=(1, 3)).round(), dtype=np.uint8)
