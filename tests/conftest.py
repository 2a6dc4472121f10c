from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def real_time() -> Iterator[None]:
    """One run in real time after the other, in all workers: each takes whole cores, before anybody else."""
    with (Path(tempfile.gettempdir()) / "robocell-real-time.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
