"""All that touches Bullet: the world with its arm, gripper, drives and belt, pictures of it and the window.

Uses config and scene.
Used by tasks for the true state, and by the plant.
"""
