"""What ``robocell run`` is asked for, as it goes from one process to the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run; the fields are the options of ``robocell run``."""

    bundle: str
    cell: str
    parts: int
    realtime: bool
    seed: int
    log: Path | None
    shadow: str | None = None
    canary: str | None = None
