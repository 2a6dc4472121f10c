"""The finalists: a run's best policies by validation, of which the one is kept that does best on fresh seeds.

Whoever comes first among many on the same episodes was in part lucky there; that luck does not come again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robocell_agents.training.validation import Score
from robocell_controller.files import beside

FOLDER = "finalists"


class Finalists:
    """At most ``most`` policies in the folder of a run, each a file named after its training steps."""

    def __init__(self, run: Path, most: int) -> None:
        """Starts without any."""
        self._folder = run / FOLDER
        self._most = most
        self._scores: dict[str, Score] = {}

    def rows(self) -> dict[str, dict[str, float]]:
        """The scores as JSON."""
        return {name: score.row() for name, score in self._scores.items()}

    def restore(self, rows: dict[str, dict[str, float]]) -> None:
        """Goes on from :meth:`rows`."""
        self._scores = {name: score for name, row in rows.items() if (score := Score.of(row))}

    def enter(self, name: str, score: Score, save: Callable[[Path], None]) -> None:
        """Takes a policy in if it is among the best, and drops the one that is no longer; :meth:`tidy` deletes it."""
        self._scores[name] = score
        if len(self._scores) > self._most:
            del self._scores[_ranked(self._scores)[-1]]
        if name in self._scores:
            with beside(self._path(name)) as new:
                save(new)

    def tidy(self) -> None:
        """Removes all files but those of the finalists."""
        for path in self._folder.glob("*"):
            if path.stem not in self._scores:
                path.unlink()

    def choose(self, play: Callable[[Path], Score]) -> tuple[Path, Score]:
        """Plays each finalist once more: the best of them, and its score there."""
        scores = {name: play(self._path(name)) for name in self._scores}
        best = _ranked(scores)[0]
        return self._path(best), scores[best]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.zip"


def _ranked(scores: dict[str, Score]) -> list[str]:
    """Names, best first."""
    return sorted(scores, key=lambda name: scores[name].rank, reverse=True)
