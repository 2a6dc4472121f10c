"""The strip over a recorded picture: what acts, on which episode, what it is doing, and how well it has done so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from robocell_agents.plotting import mpl

WIDTH, HEIGHT = 640, 64  # pixels: what it needs of a picture's width, and of its top, where the side camera sees sky
_MARGIN, _TITLE, _CAPTION, _VALUE, _GAUGE = 14, 8, 30, 43, 72  # pixels; the last is a gauge's length
_BACK, _OPACITY, _BLUR = (15, 22, 33), 0.84, 6
_BRIGHT, _DIM, _EMPTY = (242, 246, 250), (160, 174, 192), (74, 86, 104)
_STATES = {  # in the order of a cycle
    "approach": (122, 170, 224),
    "holding": (250, 192, 80),
    "released": (98, 208, 218),
    "placed": (104, 214, 138),
    "failed": (255, 108, 98),
}
_LETTERS = ("x", "y", "z", "ψ", "grip")  # of the action's entries

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """The episodes so far: parts placed and tried; median cycle time (s) and parts per hour, None without a part."""

    placed: int
    tried: int
    cycle_s: float | None
    per_hour: float | None


@dataclass(frozen=True, slots=True)
class Gauge:
    """A quantity with its bar: name, value with unit, and share of the greatest value."""

    caption: str
    text: str
    share: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What the strip shows.

    Attributes:
        title: what acts.
        subtitle: on which episode.
        state: ``approach``, ``holding``, ``released``, ``placed``, or ``failed: `` and why.
        time: in the cycle, s.
        gauges: one or two.
        action: [5], in [-1, 1].
        tally: the episodes before and, at its end, this one.
    """

    title: str
    subtitle: str
    state: str
    time: float
    gauges: Sequence[Gauge]
    action: npt.NDArray[np.floating]
    tally: Tally


def overlay(picture: Image.Image, moment: Moment) -> Image.Image:
    """A copy of the picture with the strip over its top."""
    colour = _STATES[moment.state.partition(":")[0]]
    shown = picture.copy()
    shown.paste(_frosted(picture.crop((0, 0, picture.width, HEIGHT))))
    pen = ImageDraw.Draw(shown)
    pen.rectangle((0, HEIGHT - 2, picture.width, HEIGHT - 1), fill=colour)
    _title(pen, picture.width - _MARGIN, moment, colour)
    _gauges(pen, moment.gauges, colour)
    _action(pen, moment.action, colour)
    _tally(pen, picture.width - _MARGIN, moment.tally)
    return shown


def _frosted(strip: Image.Image) -> Image.Image:
    """Dark glass: text is legible on it whatever lies behind."""
    return Image.blend(strip.filter(ImageFilter.GaussianBlur(_BLUR)), Image.new("RGB", strip.size, _BACK), _OPACITY)


def _title(pen: ImageDraw.ImageDraw, right: int, moment: Moment, colour: Colour) -> None:
    big, small = _font(13, bold=True), _font(11)
    pen.text((right, _TITLE), f"{moment.time:.2f} s", _BRIGHT, big, anchor="ra")
    pen.text((right - 60, _TITLE), moment.state, colour, big, anchor="ra")
    room = right - 60 - big.getlength(moment.state) - small.getlength(moment.subtitle) - 3 * _MARGIN
    title = _shortened(moment.title, big, room)
    pen.text((_MARGIN, _TITLE), title, _BRIGHT, big)
    pen.text((2 * _MARGIN + big.getlength(title), _TITLE + 2), moment.subtitle, _DIM, small)


def _gauges(pen: ImageDraw.ImageDraw, gauges: Sequence[Gauge], colour: Colour) -> None:
    for index, gauge in enumerate(gauges):
        left, top = _MARGIN + index * (_GAUGE + 18), _VALUE + 4
        pen.text((left, _CAPTION), gauge.caption, _DIM, _font(10))
        pen.text((left + _GAUGE, _CAPTION), gauge.text, _BRIGHT, _font(10), anchor="ra")
        pen.rectangle((left, top, left + _GAUGE, top + 5), fill=_EMPTY)
        pen.rectangle((left, top, left + round(_GAUGE * min(max(gauge.share, 0.0), 1.0)), top + 5), fill=colour)


def _action(pen: ImageDraw.ImageDraw, action: npt.NDArray[np.floating], colour: Colour) -> None:
    """A bar for each entry, up from the middle where it is positive."""
    for index, (letter, value) in enumerate(zip(_LETTERS, action.tolist(), strict=True)):
        x, middle = 206 + 23 * index, _VALUE + 7
        pen.text((x, _CAPTION), letter, _DIM, _font(10), anchor="ma")
        pen.rectangle((x - 5, middle - 7, x + 5, middle + 7), fill=_EMPTY)
        end = middle - round(7 * min(max(value, -1.0), 1.0))
        pen.rectangle((x - 5, min(middle, end), x + 5, max(middle, end)), fill=colour)


def _tally(pen: ImageDraw.ImageDraw, right: int, tally: Tally) -> None:
    columns = (
        (0, "parts/h", "–" if tally.per_hour is None else f"{tally.per_hour:.0f}"),
        (66, "median cycle", "–" if tally.cycle_s is None else f"{tally.cycle_s:.2f} s"),
        (158, "placed", f"{tally.placed} of {tally.tried}"),
    )
    for inwards, caption, value in columns:
        pen.text((right - inwards, _CAPTION), caption, _DIM, _font(10), anchor="ra")
        pen.text((right - inwards, _VALUE), value, _BRIGHT, _font(13, bold=True), anchor="ra")


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, or as much of its end as fits: the end of a path says most."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("…" + text) > width:
        text = text[1:]
    return "…" + text


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which Matplotlib brings: no machine lacks it, and its digits are of one width."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, size)
