"""Pictures of one pick: an animated GIF in real time, and a filmstrip for paper."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from robocell_agents.actors import Actor
from robocell_envs.cell_env import PickPlaceEnv

Frame = npt.NDArray[np.uint8]
_STRIP = 6  # pictures of the filmstrip
_COLOURS = 128  # of the GIF; enough for a scene of few colours, and small
_EVERY = 2  # policy periods between two frames of the GIF
_LAST_S = 1.5  # s that the last frame of the GIF stays


@dataclass(frozen=True, slots=True)
class Film:
    """One recorded episode.

    Attributes:
        frames: uint8 [height, width, 3] each, one for each policy period and one for the start.
        period_s: time between two frames.
    """

    frames: list[Frame]
    period_s: float


def record(env: PickPlaceEnv, actor: Actor, seed: int) -> Film:
    """Plays and draws one episode; ``env`` must have been made with ``render_mode="rgb_array"``."""
    observation, _ = env.reset(seed=seed)
    frames, over = [_picture(env)], False
    while not over:
        observation, _, terminated, truncated, _ = env.step(actor.act(env, observation))
        frames.append(_picture(env))
        over = terminated or truncated
    return Film(frames, 1.0 / env.cell.rates.policy_hz)


def gif(film: Film) -> bytes:
    """The film in real time, endless. One palette and no dithering keep still pixels still, and the file small."""
    last = len(film.frames) - 1
    chosen = [film.frames[index] for index in range(last % _EVERY, last + 1, _EVERY)]
    palette = Image.fromarray(np.concatenate([chosen[0], chosen[len(chosen) // 2], chosen[-1]])).quantize(_COLOURS)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in chosen]
    durations = [round(1000 * _EVERY * film.period_s)] * (len(pictures) - 1) + [round(1000 * _LAST_S)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True)
    return buffer.getvalue()


def strip(film: Film) -> list[tuple[float, bytes]]:
    """Pictures at even distances in time: time (s) and PNG of each."""
    chosen = np.linspace(0, len(film.frames) - 1, _STRIP).round().astype(int)
    return [(index * film.period_s, _png(film.frames[index])) for index in chosen.tolist()]


def data_url(content: bytes, kind: str) -> str:
    """Content of a picture of MIME type ``image/kind`` as the address of an ``<img>``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _picture(env: PickPlaceEnv) -> Frame:
    frame = env.render()
    assert frame is not None
    return frame


def _png(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
