"""Pictures of one pick: an animated GIF in real time, and a filmstrip for paper."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from robocell_agents.acting.actors import Actor
from robocell_envs.cell_env import PickPlaceEnv

_STILLS = 6  # pictures of the filmstrip
_SAMPLES = 12  # frames that a GIF's palette is made from
_RARE = 96  # of its 256 colours, kept for what is small and vivid
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
    palette = _palette(film.frames)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in film.frames]
    ends = np.round(100 * np.append(film.times[1:], film.times[-1] + _LAST_S))  # GIF counts hundredths of a second
    durations = (10 * np.diff(ends, prepend=round(100 * film.times[0]))).astype(int).tolist()
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return buffer.getvalue()


def strip(film: Film) -> list[tuple[float, bytes]]:
    """Pictures at even distances: time (s) and PNG of each."""
    return [(film.times[index], _png(film.frames[index])) for index in _evenly(len(film.frames), _STILLS)]


def data_url(content: bytes, kind: str) -> str:
    """Content of a picture of MIME type ``image/kind`` as the address of an ``<img>``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _take(film: Film, env: PickPlaceEnv, time: float) -> None:
    frame = env.render()
    assert frame is not None
    film.times.append(time)
    film.frames.append(frame)


def _palette(frames: Sequence[npt.NDArray[np.uint8]]) -> Image.Image:
    """The colours of a GIF, as a picture: by how much they cover, and some by how far apart they are, for the part."""
    samples = Image.fromarray(np.concatenate([frames[index] for index in _evenly(len(frames), _SAMPLES)]))
    common = samples.quantize(256 - _RARE, Image.Quantize.MEDIANCUT).getpalette() or []
    rare = samples.quantize(_RARE, Image.Quantize.MAXCOVERAGE).getpalette() or []
    picture = Image.new("P", (1, 1))
    picture.putpalette(common[: 3 * (256 - _RARE)] + rare[: 3 * _RARE])
    return picture


def _evenly(n: int, count: int) -> list[int]:
    """``count`` indices of ``n`` things at even distances."""
    indices: list[int] = np.linspace(0, n - 1, count).round().astype(int).tolist()
    return indices


def _png(frame: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).quantize().save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
