"""Schema of ``configs/agents/*.yaml``: algorithm, demonstrations, cloning, reinforcement learning, evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from robocell_agents.acting.settings import SETTINGS, Batch, Count, CountOrZero, PositiveShare, Share, given
from robocell_agents.seeds import RANGE, SEEDS_PER_RUN
from robocell_controller.arm.robot import Positive
from robocell_controller.config import Config
from robocell_controller.path.observer import FEATURES

Layer = Annotated[int, Gt(0), Le(4096)]
Rate = PositiveShare
T = TypeVar("T")
GOAL_ALGORITHMS = ("sac_her",)


def each_once(entries: list[T]) -> list[T]:
    """A validator: of two of one name, one would be lost without a word."""
    twice = next((entry for entry in entries if entries.count(entry) > 1), None)
    if twice is not None:
        raise ValueError(f"each once, and not {twice} again")
    return entries


NamesOrNone = Annotated[list[str], AfterValidator(each_once)]
Names = Annotated[list[str], Len(1), AfterValidator(each_once)]


class DemonstrationsConfig(Config):
    """Episodes of a program; a share of them with noise on the actions, so that recoveries are shown too."""

    program: Literal["oracle", "guided"]
    episodes: Count
    noisy_share: Share
    noise: Share


class CloningConfig(Config):
    """Behaviour cloning, then rounds of DAgger: the student acts, the program says what it would have done.

    Rounds of 0 episodes go on cloning the demonstrations. No round begins after the time limit.
    """

    steps: Count
    batch_size: Batch
    learning_rate: Rate
    dagger_rounds: CountOrZero
    dagger_episodes: CountOrZero
    dagger_steps: CountOrZero


class CriticFitConfig(Config):
    """Gradient steps on the critic alone after each rollout of its warm-up: ``robocell_agents.training.critic_fit``."""

    steps: Count
    learning_rate: Rate


class RehearsalConfig(Config):
    """Gradient steps of cloning after each rollout, beside SAC's updates: the actor stays near what it was shown."""

    steps: Count
    learning_rate: Rate


class ResidualConfig(Config):
    """The policy only corrects a program: its action times ``share`` is added to the program's."""

    program: Literal["guided"]
    share: Annotated[float, Gt(0), Le(1)]


class TargetConfig(Config):
    """Success that a training is to reach: it ends as soon as that is certified with ``confidence`` (one-sided)."""

    success: Annotated[float, Gt(0), Lt(1)]
    confidence: Annotated[float, Gt(0), Lt(1)]


class EvaluationConfig(Config):
    """Periodic evaluation on validation seeds, by success, then pace; the best ones play ``final_episodes`` more.

    While cloning goes on, every ``every_rounds`` rounds are followed by one; with 0 only the last. Who reaches the
    ``target`` in one of them plays for its certificate, see ``robocell_agents.training.certification``.
    """

    episodes: Count
    every_steps: Count
    every_rounds: CountOrZero = 0
    finalists: Count
    final_episodes: Count
    target: TargetConfig | None = None

    @model_validator(mode="after")
    def _enough_seeds(self) -> EvaluationConfig:
        if self.episodes + self.final_episodes > RANGE:
            raise ValueError(f"episodes and final_episodes of together at most {RANGE}, as many as there are seeds")
        return self


class TrainingConfig(Config):
    """One training run.

    ``settings`` goes to the algorithm's constructor, see ``robocell_agents.acting.settings``; a learning rate of two
    numbers is a linear schedule. ``log_std`` is the exploration noise that reinforcement
    begins with, and for ``critic_warmup_rollouts`` rollouts the critic is trained alone, with ``critic_fit`` beside the
    algorithm's own updates. ``actor_average`` is the share of the averaged actor that is kept at each update, 0 for no
    averaging. A ``privileged_critic`` sees the truth behind
    the observation too, see ``robocell_envs.privileged``; ``unseen`` names entries that the actor does not see.
    ``also`` names further cells, and ``changes`` production changes, of which the range ``within`` counts: environments
    and episodes are dealt out to all of them in turn. ``reward`` has weights of reward terms that are other than the
    cells' own.
    """

    cell: str
    also: NamesOrNone = Field(default_factory=list)
    changes: NamesOrNone = Field(default_factory=list)
    reward: dict[str, float] = Field(default_factory=dict)
    algorithm: Literal["ppo", "sac", "sac_her", "sbx_sac"]
    hidden: Annotated[list[Layer], Len(1, 16)]
    n_envs: Annotated[int, Gt(0), Le(1024)]
    subprocesses: bool
    total_steps: CountOrZero
    time_limit_s: Positive
    settings: dict[str, Any]
    log_std: Annotated[float, Ge(-20), Le(2)] | None = None
    critic_warmup_rollouts: CountOrZero = 0
    critic_fit: CriticFitConfig | None = None
    actor_average: Annotated[float, Ge(0), Lt(1)] = 0.0
    privileged_critic: bool = False
    unseen: list[str] = Field(default_factory=list)
    residual: ResidualConfig | None = None
    rehearsal: RehearsalConfig | None = None
    demonstrations: DemonstrationsConfig | None = None
    cloning: CloningConfig | None = None
    evaluation: EvaluationConfig

    @field_validator("settings")
    @classmethod
    def _known_settings(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        algorithm = info.data.get("algorithm")  # None if it is wrong itself
        return given(SETTINGS[algorithm], settings) if algorithm else settings

    @model_validator(mode="after")
    def _enough_seeds(self) -> TrainingConfig:
        shown = self.demonstrations.episodes if self.demonstrations else 0
        tried = self.cloning.dagger_rounds * self.cloning.dagger_episodes if self.cloning else 0
        if shown + tried > SEEDS_PER_RUN:
            raise ValueError(
                f"demonstrations.episodes and dagger_rounds × dagger_episodes of together at most {SEEDS_PER_RUN}, "
                f"which one training seed has, and not {shown + tried}"
            )
        return self

    @model_validator(mode="after")
    def _fits(self) -> TrainingConfig:
        if self.cloning and not self.demonstrations:
            raise ValueError("demonstrations wherever there is cloning")
        if self.algorithm in GOAL_ALGORITHMS and (self.demonstrations or self.log_std or self.critic_warmup_rollouts):
            raise ValueError("no demonstrations, log_std and critic_warmup_rollouts with sac_her")
        if self.algorithm != "ppo" and self.cloning and self.cloning.dagger_rounds:
            raise ValueError("dagger_rounds of 0 with any algorithm but ppo")
        if self.rehearsal and (self.algorithm == "ppo" or not self.cloning):
            raise ValueError("rehearsal with cloning, and not with ppo")
        ppo_only = ("actor_average", "critic_fit", "residual", "privileged_critic", "unseen")
        if self.algorithm != "ppo" and any(getattr(self, name) for name in ppo_only):
            raise ValueError(f"{', '.join(ppo_only)} with ppo only")
        if set(self.unseen) - {feature.name for feature in FEATURES}:
            raise ValueError("unseen entries of the observation by their names")
        if self.residual and self.demonstrations:
            raise ValueError("no demonstrations for a residual policy, which begins as its program")
        if self.n_envs < 1 + len(self.also) + len(self.changes):
            raise ValueError("n_envs of at least one for each of cell, also and changes")
        return self

    @property
    def env_id(self) -> str:
        """The environment the algorithm trains on."""
        return "RobotCell/PickPlaceGoal-v0" if self.algorithm in GOAL_ALGORITHMS else "RobotCell/PickPlace-v0"
