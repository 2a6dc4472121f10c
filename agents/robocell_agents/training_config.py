"""Schema of ``configs/agents/*.yaml``: algorithm, demonstrations, cloning, reinforcement learning, evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import Field, model_validator

from robocell_controller.config import Config
from robocell_controller.robot import Positive

Count = Annotated[int, Gt(0)]
CountOrZero = Annotated[int, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
GOAL_ALGORITHMS = ("sac_her",)


class DemonstrationsConfig(Config):
    """Episodes of a program; a share of them with noise on the actions, so that recoveries are shown too."""

    program: Literal["oracle", "guided"]
    episodes: Count
    noisy_share: Share
    noise: Share


class CloningConfig(Config):
    """Behaviour cloning, then rounds of DAgger: the student acts, the program says what it would have done."""

    steps: Count
    batch_size: Count
    learning_rate: Positive
    dagger_rounds: CountOrZero
    dagger_episodes: CountOrZero
    dagger_steps: CountOrZero


class EvaluationConfig(Config):
    """Periodic evaluation on validation seeds, by success, then pace; the best ones play ``final_episodes`` more."""

    episodes: Count
    every_steps: Count
    finalists: Count
    final_episodes: Count


class TrainingConfig(Config):
    """One training run.

    ``settings`` goes to the algorithm's constructor as it is. ``actor_average`` is the share of the averaged actor that
    is kept at each update, 0 for no averaging. ``also`` names further cells, and ``changes`` production changes, of
    which the range ``within`` counts: environments and episodes are dealt out to all of them in turn.
    """

    cell: str
    also: list[str] = Field(default_factory=list)
    changes: list[str] = Field(default_factory=list)
    algorithm: Literal["ppo", "sac", "sac_her", "sbx_sac"]
    hidden: Annotated[list[Count], Len(1)]
    n_envs: Count
    subprocesses: bool
    total_steps: CountOrZero
    time_limit_s: Positive
    settings: dict[str, Any]
    log_std: float | None = None
    critic_warmup_rollouts: CountOrZero = 0
    actor_average: Annotated[float, Ge(0), Lt(1)] = 0.0
    demonstrations: DemonstrationsConfig | None = None
    cloning: CloningConfig | None = None
    evaluation: EvaluationConfig

    @model_validator(mode="after")
    def _fits(self) -> TrainingConfig:
        if self.cloning and not self.demonstrations:
            raise ValueError("demonstrations wherever there is cloning")
        if self.demonstrations and self.algorithm in (*GOAL_ALGORITHMS, "sbx_sac"):
            raise ValueError("no demonstrations with sac_her and sbx_sac")
        if self.algorithm != "ppo" and self.cloning and self.cloning.dagger_rounds:
            raise ValueError("dagger_rounds of 0 with any algorithm but ppo")
        if self.algorithm != "ppo" and (self.log_std is not None or self.critic_warmup_rollouts or self.actor_average):
            raise ValueError("log_std, critic_warmup_rollouts and actor_average with ppo only")
        if self.n_envs < 1 + len(self.also) + len(self.changes):
            raise ValueError("n_envs of at least one for each of cell, also and changes")
        return self

    @property
    def env_id(self) -> str:
        """The environment the algorithm trains on."""
        return "RobotCell/PickPlaceGoal-v0" if self.algorithm in GOAL_ALGORITHMS else "RobotCell/PickPlace-v0"
