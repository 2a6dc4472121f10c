"""The training itself: demonstrations → cloning and DAgger → reinforcement learning, stage by stage."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents import checkpoint, pickles
from robocell_agents.algorithms import algorithm_class, build, make_vec_env
from robocell_agents.averaging import averaged
from robocell_agents.cloning import clone, plain_layers, set_actor_trainable, set_log_std
from robocell_agents.demonstrations import Actor, Transitions, collect_parallel, joined_transitions
from robocell_agents.finalists import Finalists
from robocell_agents.learning import Hooks, Stage
from robocell_agents.replay import fill_replay_buffer
from robocell_agents.run_folder import drop_later_rows, load_policy
from robocell_agents.seeds import RANGE, episode_seeds
from robocell_agents.training_config import TrainingConfig
from robocell_agents.validation import Score, validate
from robocell_agents.workers import worker_pool
from robocell_controller.cell import CellConfig

_SEEDS_PER_RUN = 10_000  # demonstration seeds of one training seed; a run uses far fewer
console = Console(stderr=True)


class StoppedError(Exception):
    """The run was asked to stop; its checkpoint is written."""


class Training:
    """One training run: its folder, its clock, its best policies so far."""

    def __init__(self, config: TrainingConfig, cells: list[CellConfig], seed: int, run: Path, workers: int) -> None:
        self.config = config
        self.cells = cells
        self.seed = seed
        self.run = run
        self.chosen: Score | None = None
        self._finalists = Finalists(run, config.evaluation.finalists)
        self.stopped_by = 0
        self._round = self._rollouts = self._validated_at = 0
        self._stage: Stage | None = None
        self._spent = 0.0
        self._started = time.monotonic()
        self._workers = workers
        self._pool = worker_pool(workers)

    @property
    def wall_s(self) -> float:
        """Wall time of the whole training, over all resumes, s."""
        return self._spent + time.monotonic() - self._started

    def train(self, progress: Progress) -> None:
        """Runs the stages that are still to be run."""
        vec_env = make_vec_env(self.config, self.cells, self.seed, self._workers)
        try:
            if checkpoint.exists(self.run):
                model, data, state = checkpoint.restore(self.run, algorithm_class(self.config.algorithm), vec_env)
                self._resume(state)
            else:
                model, data = build(self.config, vec_env, self.seed, str(self.run / "tensorboard")), None
            self._imitate(model, data, progress)
            self._reinforce(model, progress)
            self._choose(progress)
        finally:
            vec_env.close()
            self._pool.shutdown(cancel_futures=True)

    def out_of_time(self) -> bool:
        """Whether the time limit has passed or a signal has come."""
        return bool(self.stopped_by) or self.wall_s > self.config.time_limit_s

    def _resume(self, state: dict[str, Any]) -> None:
        self._spent = state["wall_s"]
        drop_later_rows(self.run, self._spent)  # they tell of what is done again
        self._finalists.restore(state["finalists"])
        self._round, self._rollouts, self._validated_at = (
            state[key] for key in ("imitation_round", "rollouts", "validated_at")
        )

    def _imitate(self, model: BaseAlgorithm, data: Transitions | None, progress: Progress) -> None:
        """Round 0 clones the demonstrations, the others are DAgger's; a checkpoint after each."""
        if self.config.demonstrations is None:
            return
        cloning = self.config.cloning
        for index in range(self._round, 1 + (cloning.dagger_rounds if cloning else 0)):
            if index and self.out_of_time():
                break
            if data is None:
                data = self._demonstrate(progress)
                fill_replay_buffer(model, data)
            elif cloning and cloning.dagger_episodes:
                data = joined_transitions([data, self._try(model, index, progress)])
            if cloning:
                steps = cloning.dagger_steps if index else cloning.steps
                self._clone(model, data, steps, f"round {index}", progress)
            self._round = index + 1
            every = self.config.evaluation.every_rounds
            if every and self._round % every == 0:
                self._validate(model, "round", index)
            self._checkpoint(model, data)
        if not (self._finalists.rows() or self.stopped_by):
            self._validate(model, "cloning", 0)
        if self.config.log_std is not None and not model.num_timesteps:
            set_log_std(model, self.config.log_std)

    def _demonstrate(self, progress: Progress) -> Transitions:
        shown = self.config.demonstrations
        assert shown is not None
        seeds = list(range(self._first_seed, self._first_seed + shown.episodes))
        noisy = round(shown.noisy_share * shown.episodes)
        shares = ((0.0, seeds[noisy:]), (shown.noise, seeds[:noisy]))
        return joined_transitions(
            [self._collect(progress, "demonstrations", Actor(None, noise), share) for noise, share in shares if share]
        )

    def _try(self, model: BaseAlgorithm, index: int, progress: Progress) -> Transitions:
        shown, cloning = self.config.demonstrations, self.config.cloning
        assert shown is not None and cloning is not None
        start = self._first_seed + shown.episodes + (index - 1) * cloning.dagger_episodes
        seeds = list(range(start, start + cloning.dagger_episodes))
        return self._collect(progress, f"DAgger round {index}", Actor(plain_layers(model), 0.0), seeds)

    def _clone(self, model: BaseAlgorithm, data: Transitions, steps: int, name: str, progress: Progress) -> None:
        assert self.config.cloning is not None
        bar = progress.add_task(f"{name}: fitting {len(data)} steps", total=steps)
        clone(model, data, self.config.cloning, steps, self.seed, lambda: progress.advance(bar))

    def _collect(self, progress: Progress, name: str, actor: Actor, seeds: list[int]) -> Transitions:
        assert self.config.demonstrations is not None
        program = self.config.demonstrations.program
        bar = progress.add_task(f"{name}: {len(seeds)} episodes", total=len(seeds))
        parts = []
        for start in range(0, len(seeds), 10 * self._workers):
            share = seeds[start : start + 10 * self._workers]
            parts.append(collect_parallel(self._pool, self._workers, self.cells, program, actor, share).transitions)
            progress.advance(bar, len(share))
            if self.stopped_by:
                raise StoppedError
        return joined_transitions(parts)

    def _reinforce(self, model: BaseAlgorithm, progress: Progress) -> None:
        todo = self.config.total_steps - model.num_timesteps
        if todo > 0 and not self.out_of_time():
            bar = progress.add_task(self.config.algorithm, total=self.config.total_steps)
            self._stage = Stage(self.config, self._hooks(model, progress, bar), self._rollouts, self._validated_at)
            model.learn(todo, callback=self._stage, reset_num_timesteps=model.num_timesteps == 0, log_interval=1)
            self._rollouts, self._validated_at = self._stage.rollouts, self._stage.validated_at
            set_actor_trainable(model, True)
        self._checkpoint(model)
        if self.stopped_by:
            raise StoppedError
        if model.num_timesteps or not self._finalists.rows():  # else it is what cloning left, and was validated there
            self._validate(model, self.config.algorithm, model.num_timesteps)

    def _hooks(self, model: BaseAlgorithm, progress: Progress, bar: TaskID) -> Hooks:
        def show(steps: int, reward: float) -> None:
            progress.update(bar, completed=steps, description=f"{self.config.algorithm}: reward {reward:.2f}")

        return Hooks(
            validate=lambda steps: self._validate(model, self.config.algorithm, steps),
            checkpoint=lambda: self._checkpoint(model),
            stop=self.out_of_time,
            show=show,
        )

    def _checkpoint(self, model: BaseAlgorithm, data: Transitions | None = None) -> None:
        stage = self._stage
        state = {
            "wall_s": self.wall_s,
            "finalists": self._finalists.rows(),
            "imitation_round": self._round,
            "rollouts": stage.rollouts if stage else self._rollouts,
            "validated_at": stage.validated_at if stage else self._validated_at,
        }
        checkpoint.save(self.run, model, data, state)

    def _validate(self, model: BaseAlgorithm, stage: str, steps: int) -> None:
        with averaged(model):
            self._validate_present(model, stage, steps)

    def _validate_present(self, model: BaseAlgorithm, stage: str, steps: int) -> None:
        score = self._score(model, episode_seeds("validation", self.config.evaluation.episodes))
        self._note(stage, steps, score)
        self._finalists.enter(f"{stage}-{steps}", score, lambda path: _save(model, path))

    def _choose(self, progress: Progress) -> None:
        """The finalist that does best on fresh seeds becomes the run's policy."""
        config = self.config.evaluation
        seeds = episode_seeds("validation", config.episodes + config.final_episodes)[config.episodes :]
        bar = progress.add_task(f"finalists: {len(seeds)} episodes each", total=len(self._finalists.rows()))

        def play(path: Path) -> Score:
            score = self._score(load_policy(self.config.algorithm, path), seeds)
            progress.advance(bar)
            return score

        path, self.chosen = self._finalists.choose(play)
        self._note("chosen", int(path.stem.rpartition("-")[2]), self.chosen)
        shutil.copy(path, self.run / "policy.new.zip")
        (self.run / "policy.new.zip").replace(self.run / "policy.zip")

    def _score(self, model: BaseAlgorithm, seeds: list[int]) -> Score:
        return validate(model, self.config, self.cells, seeds, self._pool, self._workers)

    def _note(self, stage: str, steps: int, score: Score) -> None:
        row = {"wall_s": round(self.wall_s, 2), "stage": stage, "steps": steps, **score.row()}
        with (self.run / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        console.print(
            f"  {self.wall_s:5.0f} s  {stage:8} {steps:7} steps: success {score.success:.3f} "
            f"[{score.low:.3f}, {score.high:.3f}], cycle {score.cycle_time_s:.2f} s, "
            f"{score.parts_per_hour:.0f} parts/h"
        )

    @property
    def _first_seed(self) -> int:
        return (self.seed * _SEEDS_PER_RUN) % RANGE


def _save(model: BaseAlgorithm, path: Path) -> None:
    model.save(path)
    pickles.note(path)
