"""The window of ``render_mode="human"``: Bullet's own viewer, kept to real time."""

from __future__ import annotations

import ctypes
import math
import os
import sys

import numpy as np

from robocell_controller.errors import InputError
from robocell_controller.loop.clock import DeadlineClock
from robocell_envs.engine.bullet import BulletClient, pybullet, quiet
from robocell_envs.engine.rendering import CAMERAS

_PLACE = "render_mode 'human'"
_MOST_CLIENTS = 1024  # that a process can have, MAX_PHYSICS_CLIENTS in pybullet.c
_NEARER = 0.5  # share of the side camera's distance: the window's field of view is wider, 90 deg
_BACKGROUND = "--background_color_red=0.90 --background_color_green=0.92 --background_color_blue=0.94"
_SECOND = 1_000_000_000  # ns


def connect_window() -> BulletClient:
    """A new simulation with a window, without Bullet's panels.

    Raises:
        InputError: no display (Bullet would end the process), or the process has a window already.
    """
    if sys.platform.startswith("linux") and not _has_display():
        found = f"no display (DISPLAY is {os.environ.get('DISPLAY', '')!r})"
        raise InputError(_PLACE, found, "an X server, a virtual one such as Xvfb will do")
    if any(_connection(client) == pybullet.GUI for client in range(_MOST_CLIENTS)):
        raise InputError(_PLACE, "a second window", "at most one in a process")
    with quiet():
        client = BulletClient(pybullet.GUI, options=_BACKGROUND)
        client.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0)
        # The window's own thread prints with its first frames; it answers this after them.
        client.getCameraImage(1, 1, renderer=pybullet.ER_BULLET_HARDWARE_OPENGL)
    return client


def viewed(client: BulletClient, hz: int) -> DeadlineClock:
    """Turns the window to the cell; the clock lets at most ``hz`` periods a second pass."""
    camera = CAMERAS["side"]
    x, y, z = np.subtract(camera.eye, camera.target)
    distance = math.hypot(x, y, z)
    yaw, pitch = math.degrees(math.atan2(x, -y)), -math.degrees(math.asin(z / distance))
    client.resetDebugVisualizerCamera(_NEARER * distance, yaw, pitch, camera.target)
    return DeadlineClock(round(_SECOND / hz))


def _has_display() -> bool:
    """Whether the X server that ``DISPLAY`` names answers."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(ctypes.c_void_p(display))
    return bool(display)


def _connection(client: int) -> int:
    method: int = pybullet.getConnectionInfo(physicsClientId=client)["connectionMethod"]
    return method
