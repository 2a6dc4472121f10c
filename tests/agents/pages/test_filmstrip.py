from __future__ import annotations

import io

import numpy as np
from PIL import Image

from robocell_agents.pages.filmstrip import Film, gif


def _film(hz: int) -> Film:
    """A grey ramp on which a small part moves, orange first and then green."""
    ramp = np.repeat(np.tile(np.arange(240, dtype=np.uint8), (180, 1))[:, :, None], 3, axis=2)
    frames = [ramp.copy() for _ in range(24)]
    for index, frame in enumerate(frames):
        frame[80:92, 5 * index : 5 * index + 12] = (220, 120, 40) if index < 12 else (40, 220, 90)
    return Film([index / hz for index in range(24)], frames)


def test_small_parts_keep_their_colour():
    film = _film(25)
    with Image.open(io.BytesIO(gif(film))) as picture:
        for index in (3, 20):
            picture.seek(index)
            shown = np.asarray(picture.convert("RGB"))[86, 5 * index + 6]
            assert np.abs(shown - film.frames[index][86, 5 * index + 6].astype(int)).max() < 12


def test_gif_keeps_to_the_clock_at_rates_that_hundredths_do_not_divide():
    total = 0
    with Image.open(io.BytesIO(gif(_film(30)))) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            total += picture.info["duration"]
    assert total == round(100 * (23 / 30 + 1.5)) * 10
