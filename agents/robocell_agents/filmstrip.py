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

_STILLS = 6  # pictures of the filmstrip
_EVERY = 2  # policy periods between two frames
_LAST_S = 1.5  # s that the last frame stays before the film begins again


@dataclass(frozen=True, slots=True)
class Film:
    """One recorded episode.

    Attributes:
        times: of the frames, s since the start.
        frames: uint8 [height, width, 3] each.
    """

    times: list[float]
    frames: list[npt.NDArray[np.uint8]]


def record(env: PickPlaceEnv, actor: Actor, seed: int) -> Film:
    """Plays and draws one episode; ``env`` must have been made with ``render_mode="rgb_array"``."""
    observation, _ = env.reset(seed=seed)
    film, steps, over = Film([], []), 0, False
    _take(film, env, 0.0)
    while not over:
        observation, _, terminated, truncated, _ = env.step(actor.act(env, observation))
        steps, over = steps + 1, terminated or truncated
        if over or steps % _EVERY == 0:
            _take(film, env, steps / env.cell.rates.policy_hz)
    return film


def gif(film: Film) -> bytes:
    """The film in real time, endless. One palette and no dithering keep still pixels still, and the file small."""
    middle = len(film.frames) // 2
    palette = Image.fromarray(np.concatenate([film.frames[index] for index in (0, middle, -1)])).quantize()
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in film.frames]
    durations = [round(1000 * time) for time in np.diff(film.times)] + [round(1000 * _LAST_S)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return buffer.getvalue()


def strip(film: Film) -> list[tuple[float, bytes]]:
    """Pictures at even distances: time (s) and PNG of each."""
    chosen = np.linspace(0, len(film.frames) - 1, _STILLS).round().astype(int).tolist()
    return [(film.times[index], _png(film.frames[index])) for index in chosen]


def data_url(content: bytes, kind: str) -> str:
    """Content of a picture of MIME type ``image/kind`` as the address of an ``<img>``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _take(film: Film, env: PickPlaceEnv, time: float) -> None:
    frame = env.render()
    assert frame is not None
    film.times.append(time)
    film.frames.append(frame)


def _png(frame: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).quantize().save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
