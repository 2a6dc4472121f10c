"""Which of a training's policies becomes the run's: by validations on the way, a certificate, or a last round.

The test seeds have no say in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import pickles
from robocell_agents.acting.demonstrations import Played
from robocell_agents.acting.run_folder import load_policy
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.seeds import episode_seeds
from robocell_agents.training.averaging import averaged
from robocell_agents.training.certification import certify
from robocell_agents.training.finalists import Finalists
from robocell_agents.training.validation import Score, play
from robocell_controller.cell.config import CellConfig
from robocell_controller.files import append_line, beside, write_bytes

_CERTIFIED = "certified.zip"
console = Console(stderr=True)


class Selection:
    """The policies of a run that are in question, and where they are noted: ``progress.jsonl``."""

    def __init__(
        self,
        config: TrainingConfig,
        cells: list[CellConfig],
        run: Path,
        pool: Executor,
        workers: int,
        clock: Callable[[], float],
    ) -> None:
        """Begins without any; episodes are played by the ``workers`` of ``pool``, ``clock`` tells the wall time, s."""
        self.chosen: Score | None = None
        self.certified: dict[str, Any] | None = None  # when and how, once the target is
        self._config = config
        self._cells = cells
        self._run = run
        self._pool = pool
        self._workers = workers
        self._clock = clock
        self._finalists = Finalists(run, config.evaluation.finalists)
        self._attempts = 0

    def state(self) -> dict[str, Any]:
        """What a resume needs, as JSON."""
        return {"finalists": self._finalists.rows(), "attempts": self._attempts, "certified": self.certified}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from :meth:`state`."""
        self._finalists.restore(state["finalists"])
        self._attempts, self.certified = state["attempts"], state["certified"]

    def tidy(self) -> None:
        """Removes the policies that are no longer in question; called when no checkpoint asks for them any more."""
        self._finalists.tidy()

    @property
    def is_empty(self) -> bool:
        """Whether no policy has been validated yet."""
        return not self._finalists.rows()

    def validate(self, model: BaseAlgorithm, stage: str, steps: int) -> None:
        """Validates the present policy, averaged if it is; the best ones are kept, a good one plays for the target."""
        with averaged(model):
            score = self._score(model, episode_seeds("validation", self._config.evaluation.episodes))
            self._note(stage, steps, score)
            self._finalists.enter(f"{stage}-{steps}", score, lambda path: _save(model, path))
            target = self._config.evaluation.target
            if target and not self.certified and score.success >= target.success:
                self._certify(model, steps)

    def choose(self, progress: Progress) -> None:
        """The certified policy becomes the run's, or else the finalist that does best on fresh seeds."""
        if self.certified:
            self.chosen = Score.of(self.certified["score"])
            self._keep(self._run / _CERTIFIED)
            return
        config = self._config.evaluation
        seeds = episode_seeds("validation", config.episodes + config.final_episodes)[config.episodes :]
        bar = progress.add_task(f"finalists: {len(seeds)} episodes each", total=len(self._finalists.rows()))

        def score_of(path: Path) -> Score:
            score = self._score(load_policy(self._config.algorithm, path), seeds)
            progress.advance(bar)
            return score

        path, self.chosen = self._finalists.choose(score_of)
        self._note("chosen", int(path.stem.rpartition("-")[2]), self.chosen)
        self._keep(path)

    def _certify(self, model: BaseAlgorithm, steps: int) -> None:
        """Lets the policy play for its certificate, and keeps it if it gets it."""
        target = self._config.evaluation.target
        assert target
        self._attempts += 1
        score = certify(lambda seeds: self._play(model, seeds), self._config.evaluation, self._attempts)
        if score is None:
            return
        with beside(self._run / _CERTIFIED) as new:
            _save(model, new)
        when = {"wall_s": self._note("certified", steps, score), "attempt": self._attempts}
        self.certified = {**when, **target.model_dump(), "score": score.row()}

    def _keep(self, path: Path) -> None:
        write_bytes(self._run / "policy.zip", path.read_bytes())

    def _score(self, model: BaseAlgorithm, seeds: list[int]) -> Score:
        return Score.over(self._play(model, seeds))

    def _play(self, model: BaseAlgorithm, seeds: list[int]) -> Played:
        return play(model, self._config, self._cells, seeds, self._pool, self._workers)

    def _note(self, stage: str, steps: int, score: Score) -> float:
        """Adds a row to the progress and shows it; the wall time that it tells, s."""
        wall_s = round(self._clock(), 2)
        row = {"wall_s": wall_s, "stage": stage, "steps": steps, **score.row()}
        append_line(self._run / "progress.jsonl", json.dumps(row))
        console.print(
            f"  {wall_s:5.0f} s  {stage:8} {steps:7} steps: success {score.success:.3f} "
            f"[{score.low:.3f}, {score.high:.3f}], cycle {score.cycle_time_s:.2f} s, "
            f"{score.parts_per_hour:.0f} parts/h"
        )
        return wall_s


def _save(model: BaseAlgorithm, path: Path) -> None:
    model.save(path)
    pickles.note(path)
