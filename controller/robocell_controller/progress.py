"""The progress bar of every long step: what, how far, how fast, how long still. On stderr alone."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.text import Text


def progress_bar(console: Console | None = None, threaded: bool = True) -> Progress:
    """A fresh bar, on stderr unless a console is given; use it as a context manager.

    Its thread redraws it; without, ``refresh`` does: that thread takes the interpreter from what is to be measured.
    """
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeLeft())
    return Progress(*columns, console=console or Console(stderr=True), auto_refresh=threaded)


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g}/s" if speed else "", style="dim")
