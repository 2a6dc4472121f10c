"""Movies: pictures that come one by one, written as MP4 or GIF as the file's ending says."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from robocell_agents.pages.filmstrip import Film, gif
from robocell_controller.errors import InputError
from robocell_controller.files import FAULTS, beside
from robocell_envs.engine.rendering import Pixels

Add = Callable[[Pixels], None]
_CRF = 10  # quality of H.264: 0 is lossless, 51 worst
_MOST_SAID = 4096  # bytes


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
    with beside(path) as new, closing(_Encoder(new, hz)) as encoder:
        yield encoder.add
        encoder.end()


@contextmanager
def _gif(path: Path, hz: int) -> Iterator[Add]:
    frames: list[Pixels] = []
    with beside(path) as new:
        yield frames.append
        new.write_bytes(gif(Film([index / hz for index in range(len(frames))], frames)))


class _Encoder:
    """FFmpeg as a process, begun with the first picture; its end tells whether the movie is written."""

    def __init__(self, path: Path, hz: int) -> None:
        """Takes where to write and how many pictures a second there are."""
        self._path, self._hz = path, hz
        self._said = os.memfd_create("ffmpeg")
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, picture: Pixels) -> None:
        """Encodes one more picture."""
        if self._process is None:
            self._process = self._start(*picture.shape[:2])
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).tobytes())
        except BrokenPipeError:
            self.end()

    def end(self) -> None:
        """Waits until all is written.

        Raises:
            OSError: it was not.
        """
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if code := self._process.wait():
            said = os.pread(self._said, _MOST_SAID, 0).decode(errors="replace")
            cause = next((number for number in FAULTS if os.strerror(number) in said), None)
            raise OSError(cause or errno.EIO, os.strerror(cause) if cause else f"FFmpeg ended with {code}")

    def close(self) -> None:
        """Ends it, whatever it is at."""
        if self._process and self._process.stdin:
            self._process.kill()
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()
        os.close(self._said)

    def _start(self, height: int, width: int) -> subprocess.Popen[bytes]:
        pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(self._hz), "-i", "-"]
        movie = ["-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", str(_CRF), "-f", "mp4", str(self._path)]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *pictures, *movie]
        # A limit of file sizes shall be an error there as it is here, and Ctrl-C reach this process alone.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=self._said, restore_signals=False, start_new_session=True
        )
