"""How Bullet knows the shape of a part."""

from __future__ import annotations

import math

from robocell_envs.engine.bullet import BulletClient, pybullet
from robocell_envs.scene.parts import Part


def collision_shape(client: BulletClient, part: Part) -> int:
    """A new shape in Bullet; freed with the next ``resetSimulation``.

    A prism is the union of three boxes, each between two opposite faces: Bullet lets a hull of points grow by a
    margin of millimetres, and boxes touch in four steady points.
    """
    half = [part.width / 2, part.width / 2, part.height / 2]
    if part.kind == "box":
        return int(client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half))
    if part.kind == "cylinder":
        return int(client.createCollisionShape(pybullet.GEOM_CYLINDER, radius=half[0], height=part.height))
    turns = [pybullet.getQuaternionFromEuler([0.0, 0.0, index * math.pi / 3]) for index in range(3)]
    return int(
        client.createCollisionShapeArray(
            shapeTypes=[pybullet.GEOM_BOX] * 3,
            halfExtents=[[half[0] / math.sqrt(3), half[1], half[2]]] * 3,
            collisionFramePositions=[[0.0, 0.0, 0.0]] * 3,
            collisionFrameOrientations=turns,
        )
    )
