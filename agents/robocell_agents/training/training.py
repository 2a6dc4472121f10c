"""The training itself: demonstrations → cloning and DAgger → reinforcement learning, stage by stage."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents.acting.algorithms import algorithm_class, build, make_vec_env
from robocell_agents.acting.demonstrations import Actor, Transitions, collect_parallel, joined_transitions
from robocell_agents.acting.run_folder import MADE_HERE, drop_later_rows
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.files import reading
from robocell_agents.seeds import RANGE, SEEDS_PER_RUN
from robocell_agents.training import checkpoint
from robocell_agents.training.cloning import clone, plain_layers, rehearsal, set_actor_trainable, set_log_std
from robocell_agents.training.learning import Hooks, Stage
from robocell_agents.training.replay import fill_replay_buffer
from robocell_agents.training.selection import Selection
from robocell_agents.workers import check_whole
from robocell_controller.cell.config import CellConfig

_BARS = 12


class StoppedError(Exception):
    """The run was asked to stop; its checkpoint is written."""


class Training:
    """One training run: its folder, its clock, its best policies so far."""

    def __init__(
        self, config: TrainingConfig, cells: list[CellConfig], seed: int, run: Path, workers: int, pool: Executor
    ) -> None:
        """Takes the pool of ``workers`` processes that episodes are played by."""
        self.config = config
        self.cells = cells
        self.seed = seed
        self.run = run
        self.stopped_by = 0
        self._round = self._rollouts = self._validated_at = 0
        self._stage: Stage | None = None
        self._spent = 0.0
        self._started = time.monotonic()
        self._workers = workers
        self._pool = pool
        self.selection = Selection(config, cells, run, pool, workers, lambda: self.wall_s)

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
                with reading(checkpoint.progress_file(self.run), MADE_HERE):
                    self._resume(state)
            else:
                drop_later_rows(self.run, self._spent)  # of a start that came to no checkpoint
                model, data = build(self.config, vec_env, self.seed, str(self.run / "tensorboard")), None
            data = self._imitate(model, data, progress)
            self._reinforce(model, data, progress)
            self.selection.choose(progress)
        except FloatingPointError as error:
            raise FloatingPointError(f"training seed {self.seed}, step {model.num_timesteps}: {error}") from error
        finally:
            vec_env.close()

    def is_over(self) -> bool:
        """Whether the target is certified, the time limit has passed or a signal has come."""
        check_whole(self._pool)
        return bool(self.selection.certified or self.stopped_by) or self.wall_s > self.config.time_limit_s

    def _resume(self, state: dict[str, Any]) -> None:
        self._spent = state["wall_s"]
        drop_later_rows(self.run, self._spent)  # they tell of what is done again
        self.selection.restore(state["selection"])
        self._round, self._rollouts, self._validated_at = (
            state[key] for key in ("imitation_round", "rollouts", "validated_at")
        )

    def _imitate(self, model: BaseAlgorithm, data: Transitions | None, progress: Progress) -> Transitions | None:
        """Round 0 clones the demonstrations, the others are DAgger's; a checkpoint after each. Returns all data."""
        if self.config.demonstrations is None:
            return None
        cloning = self.config.cloning
        for index in range(self._round, 1 + (cloning.dagger_rounds if cloning else 0)):
            if self.stopped_by:
                raise StoppedError
            if index and self.is_over():
                break
            data = self._imitation_round(model, data, index, progress)
            self._round = index + 1
            self._checkpoint(model, data)
        if self.selection.is_empty:
            self.selection.validate(model, "cloning", 0)
        if self.config.log_std is not None and not model.num_timesteps:
            set_log_std(model, self.config.log_std)
        return data

    def _imitation_round(
        self, model: BaseAlgorithm, data: Transitions | None, index: int, progress: Progress
    ) -> Transitions:
        """Gathers, clones, and validates if it is its turn; returns all data so far."""
        cloning, every = self.config.cloning, self.config.evaluation.every_rounds
        if data is None:
            data = self._demonstrate(progress)
            fill_replay_buffer(model, data)
        elif cloning and cloning.dagger_episodes:
            data = joined_transitions([data, self._try(model, index, progress)])
        if cloning:
            steps = cloning.dagger_steps if index else cloning.steps
            self._clone(model, data, steps, f"round {index}", progress)
        if every and (index + 1) % every == 0:
            self.selection.validate(model, "round", index)
        return data

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
        bar = _bar(progress, f"{name}: fitting {len(data)} steps", steps)
        clone(model, data, self.config.cloning, steps, self.seed, lambda: progress.advance(bar))

    def _collect(self, progress: Progress, name: str, actor: Actor, seeds: list[int]) -> Transitions:
        assert self.config.demonstrations is not None
        program = self.config.demonstrations.program
        bar = _bar(progress, f"{name}: {len(seeds)} episodes", len(seeds))
        parts = []
        for start in range(0, len(seeds), 10 * self._workers):
            share = seeds[start : start + 10 * self._workers]
            parts.append(collect_parallel(self._pool, self._workers, self.cells, program, actor, share))
            progress.advance(bar, len(share))
            if self.stopped_by:
                raise StoppedError
        return joined_transitions(parts)

    def _reinforce(self, model: BaseAlgorithm, shown: Transitions | None, progress: Progress) -> None:
        todo = self.config.total_steps - model.num_timesteps
        kept = shown if self.config.rehearsal else None
        if todo > 0 and not self.is_over():
            bar = progress.add_task(self.config.algorithm, total=self.config.total_steps)
            hooks, rehearse = self._hooks(model, kept, progress, bar), rehearsal(self.config, model, kept, self.seed)
            self._stage = Stage(self.config, hooks, self._rollouts, self._validated_at, rehearse)
            model.learn(todo, callback=self._stage, reset_num_timesteps=model.num_timesteps == 0, log_interval=1)
            self._rollouts, self._validated_at = self._stage.rollouts, self._stage.validated_at
            set_actor_trainable(model, True)
        self._checkpoint(model, kept)
        if self.stopped_by:
            raise StoppedError
        if self.selection.certified:
            return
        if model.num_timesteps or self.selection.is_empty:  # else it is what cloning left, and was validated there
            self.selection.validate(model, self.config.algorithm, model.num_timesteps)

    def _hooks(self, model: BaseAlgorithm, kept: Transitions | None, progress: Progress, bar: TaskID) -> Hooks:
        def show(steps: int, reward: float) -> None:
            progress.update(bar, completed=steps, description=f"{self.config.algorithm}: reward {reward:.2f}")

        return Hooks(
            validate=lambda steps: self.selection.validate(model, self.config.algorithm, steps),
            checkpoint=lambda: self._checkpoint(model, kept),
            stop=self.is_over,
            show=show,
        )

    def _checkpoint(self, model: BaseAlgorithm, data: Transitions | None) -> None:
        stage = self._stage
        state = {
            "wall_s": self.wall_s,
            "selection": self.selection.state(),
            "imitation_round": self._round,
            "rollouts": stage.rollouts if stage else self._rollouts,
            "validated_at": stage.validated_at if stage else self._validated_at,
        }
        checkpoint.save(self.run, model, data, state)
        self.selection.tidy()

    @property
    def _first_seed(self) -> int:
        return (self.seed * SEEDS_PER_RUN) % RANGE


def _bar(progress: Progress, name: str, total: int) -> TaskID:
    """A new bar; hundreds of rounds leave only the last ones on the screen."""
    bar = progress.add_task(name, total=total)
    for old in progress.task_ids[:-_BARS]:
        progress.remove_task(old)
    return bar
