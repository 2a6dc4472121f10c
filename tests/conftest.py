from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from robocell_controller.trust.home import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and store of the tests: never those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def real_time() -> Iterator[None]:
    """One run in real time after the other, in all workers: each takes whole cores, before anybody else."""
    with (Path(tempfile.gettempdir()) / "robocell-real-time.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
