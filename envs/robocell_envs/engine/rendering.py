"""Pictures of the simulated cell from its cameras, drawn by Bullet's software renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robocell_envs.engine.bullet import BulletClient, pybullet

Pixels = npt.NDArray[np.uint8]
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a picture is taken from. Frame ``base``.

    Attributes:
        eye: position of the camera, m.
        target: point in the middle of the picture, m.
        field_of_view: vertical, deg.
        up: direction that points up in the picture.
        light: distance of the light, m. The further, the more of the cell has room in the renderer's map of
            shadows, and the coarser they are; what has no room throws streaks.
    """

    eye: Vector
    target: Vector
    field_of_view: float
    up: Vector
    light: float


# The side camera sees the whole arm. The top one stands in front of the work area, or the hand would hide the part.
CAMERAS = {
    "side": Camera((1.45, 0.62, 0.82), (0.33, 0.01, 0.285), 38.5, (0.0, 0.0, 1.0), 2.0),
    "top": Camera((1.14, 0.0, 1.50), (0.36, 0.0, 0.05), 22.0, (-1.0, 0.0, 0.0), 4.0),
}
WIDTH, HEIGHT = 480, 360
_FINER = 2  # drawn that many times larger and averaged, because the renderer leaves edges jagged
_SKY_TOP, _SKY_BOTTOM = np.array([214.0, 222.0, 230.0]), np.array([246.0, 247.0, 248.0])


def render(client: BulletClient, camera: Camera = CAMERAS["side"]) -> Pixels:
    """Picture of the cell, uint8 [HEIGHT, WIDTH, 3]."""
    blocks = draw(client, camera).reshape(HEIGHT, _FINER, WIDTH, _FINER, 3)
    return np.asarray(blocks.mean(axis=(1, 3)).round(), dtype=np.uint8)


def draw(client: BulletClient, camera: Camera) -> npt.NDArray[np.float64]:
    """The picture as it is drawn, with jagged edges, [_FINER · HEIGHT, _FINER · WIDTH, 3] in 0 to 255."""
    width, height = _FINER * WIDTH, _FINER * HEIGHT
    _, _, pixels, _, bodies = client.getCameraImage(
        width,
        height,
        pybullet.computeViewMatrix(camera.eye, camera.target, camera.up),
        pybullet.computeProjectionMatrixFOV(camera.field_of_view, width / height, 0.05, 4.0),
        lightDirection=[0.9, 0.9, 2.0],
        lightDistance=camera.light,
        lightAmbientCoeff=0.62,
        lightDiffuseCoeff=0.42,
        lightSpecularCoeff=0.06,
        shadow=1,
        renderer=pybullet.ER_TINY_RENDERER,
    )
    colours = np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]
    empty = np.asarray(bodies).reshape(height, width, 1) < 0
    return np.where(empty, _sky(height), colours)


def _sky(height: int) -> npt.NDArray[np.float64]:
    """Background, [height, 1, 3]: a soft gradient instead of white."""
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    return np.asarray((1.0 - share) * _SKY_TOP + share * _SKY_BOTTOM)
