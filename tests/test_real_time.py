from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import real_time


def attempts(patch: pytest.MonkeyPatch, tmp_path: Path, stalls: list[int], failures: int) -> list[Path]:
    """The folders of a test's attempts, of which the first ones fail, beside cores that stall so often."""
    folders: list[Path] = []

    @contextmanager
    def watched() -> Iterator[list[dict[str, Any]]]:
        yield [{"stalls": number} for number in stalls]

    def test(tmp_path: Path, wanted: int) -> None:
        assert tmp_path.is_dir()
        folders.append(tmp_path)
        assert len(folders) > wanted

    patch.setattr(real_time, "stalls_watched", watched)
    real_time.undisturbed(test)(tmp_path=tmp_path, wanted=failures)
    return folders


@pytest.mark.parametrize("stalls", [[0, 1], []])
def test_what_failed_while_the_machine_stood_still_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stalls: list[int]
) -> None:
    assert len(set(attempts(monkeypatch, tmp_path, stalls, 0))) == 1
    (tmp_path / "again").mkdir()
    assert len(set(attempts(monkeypatch, tmp_path / "again", stalls, 2))) == 3


@pytest.mark.parametrize(("stalls", "failures"), [([0, 0], 1), ([2], 3)])
def test_on_a_machine_that_runs_a_failure_is_a_failure_and_three_are_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stalls: list[int], failures: int
) -> None:
    with pytest.raises(AssertionError):
        attempts(monkeypatch, tmp_path, stalls, failures)
