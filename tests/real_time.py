"""Tests in real time, on a machine whose host may take its cores away for a while."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robocell_agents.bench.stalls import stalls_watched

_ATTEMPTS = 3


def undisturbed(test: Callable[..., None]) -> Callable[..., None]:
    """The test, tried again where it failed while the machine itself stood still: that says nothing of the code.

    Each attempt has a folder of its own as ``tmp_path``. Where no core can be watched the machine promises nothing
    either, see :mod:`robocell_agents.bench.stalls`.
    """

    @functools.wraps(test)
    def attempts(tmp_path: Path, **fixtures: Any) -> None:
        for left in reversed(range(_ATTEMPTS)):
            folder = tmp_path / str(left)
            folder.mkdir()
            with stalls_watched() as stalls:
                failure = _failure(test, tmp_path=folder, **fixtures)
            if failure is None:
                return
            if not left or (stalls and not any(core["stalls"] for core in stalls)):
                raise failure

    return attempts


def _failure(test: Callable[..., None], **fixtures: Any) -> AssertionError | None:
    try:
        test(**fixtures)
    except AssertionError as error:
        return error
    return None
