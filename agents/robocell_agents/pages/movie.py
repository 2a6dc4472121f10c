"""Movies: pictures that come one by one, written as MP4 or GIF as the file's ending says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import imageio.v2 as imageio

from robocell_agents.files import beside
from robocell_agents.pages.filmstrip import Film, gif
from robocell_controller.errors import InputError
from robocell_envs.engine.rendering import Pixels

Add = Callable[[Pixels], None]
_QUALITY = 8  # of imageio's 0 to 10


def movie(path: Path, hz: int) -> AbstractContextManager[Add]:
    """A movie of ``hz`` pictures a second: a context whose value adds one, uint8 [height, width, 3], sides even.

    The file is in its place once the context has ended well. A GIF is put together at the end, from memory.

    Raises:
        InputError: the file's ending names no format, here; or the file can't be written, in the context.
    """
    formats = {".mp4": _mp4, ".gif": _gif}
    if path.suffix.lower() not in formats:
        raise InputError(path, f"ending {path.suffix!r}", " or ".join(formats))
    return formats[path.suffix.lower()](path, hz)


@contextmanager
def _mp4(path: Path, hz: int) -> Iterator[Add]:
    with beside(path) as new:
        writer: Any = imageio.get_writer(new, "FFMPEG", fps=hz, quality=_QUALITY, macro_block_size=2)
        with writer:
            yield writer.append_data


@contextmanager
def _gif(path: Path, hz: int) -> Iterator[Add]:
    frames: list[Pixels] = []
    with beside(path) as new:
        yield frames.append
        new.write_bytes(gif(Film([index / hz for index in range(len(frames))], frames)))
