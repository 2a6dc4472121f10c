"""The reinforcement-learning stage: what happens between the updates of an SB3 algorithm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from robocell_agents.acting.demonstrations import Floats
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.training.averaging import update_average
from robocell_agents.training.cloning import set_actor_trainable
from robocell_agents.training.critic_fit import CriticFit

_CHECKPOINT_EVERY = 30.0  # s of wall time; a kill loses less than a minute


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the stage asks of the run around it.

    Attributes:
        validate: evaluates the model and keeps it if it is the best; called with the steps done.
        checkpoint: saves everything a resume needs.
        stop: whether the run is to end now (target, time limit, signal).
        show: reports steps done and the mean episode reward, for the progress bar.
    """

    validate: Callable[[int], None]
    checkpoint: Callable[[], None]
    stop: Callable[[], bool]
    show: Callable[[int, float], None]


class Stage(BaseCallback):
    """Validates, checkpoints, logs reward terms raw, warms up the critic, and stops when told to."""

    def __init__(
        self,
        config: TrainingConfig,
        hooks: Hooks,
        rollouts_done: int,
        validated_at: int,
        rehearse: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._config = config
        self._hooks = hooks
        self._rehearse = rehearse
        self.validated_at = validated_at
        self._saved_at = time.monotonic()
        self._terms: dict[str, float] = {}  # summed over the rollout; the logger's own mean costs a tenth of a step
        self.rollouts = rollouts_done
        self._kept: Any = None  # actor of SBX while the critic warms up
        self._critic_fit: CriticFit | None = None

    def _on_training_start(self) -> None:
        self._logged_at = self.num_timesteps
        if self.rollouts < self._config.critic_warmup_rollouts:
            set_actor_trainable(self.model, False)
            self._kept = getattr(self.model.policy, "actor_state", None)
            if self._config.critic_fit:
                self._critic_fit = CriticFit(self._config.critic_fit, self.model, self.model.seed or 0)

    def _on_rollout_start(self) -> None:
        """Between updates: the model is whole and consistent here."""
        if self._kept is not None and self.rollouts <= self._config.critic_warmup_rollouts:
            self.model.policy.actor_state = self._kept
        moved = self.rollouts > self._config.critic_warmup_rollouts  # before, it is the policy that cloning left
        if moved and self._config.actor_average:
            update_average(self.model, self._config.actor_average)
        if moved and self._rehearse:
            self._rehearse()
        if moved and self.num_timesteps - self.validated_at >= self._config.evaluation.every_steps:
            self.validated_at = self.num_timesteps
            self._hooks.validate(self.num_timesteps)
        if time.monotonic() - self._saved_at > _CHECKPOINT_EVERY:
            self._hooks.checkpoint()
            self._saved_at = time.monotonic()
        if self.rollouts == self._config.critic_warmup_rollouts > 0:
            set_actor_trainable(self.model, True)
            self._critic_fit = None

    def _on_step(self) -> bool:
        self._check_finite()
        for info in self.locals["infos"]:
            for name, value in info.get("reward_terms", {}).items():
                self._terms[name] = self._terms.get(name, 0.0) + value
        if self.n_calls % 32 == 0:
            rewards = [episode["r"] for episode in self.model.ep_info_buffer or []]
            self._hooks.show(self.num_timesteps, float(np.mean(rewards)) if rewards else math.nan)
        return not self._hooks.stop()

    def _on_rollout_end(self) -> None:
        self.rollouts += 1
        if self._critic_fit:
            self._critic_fit.on_rollout()
        for name, total in self._terms.items():
            self.logger.record(f"reward/{name}", total / (self.num_timesteps - self._logged_at))
        self._terms.clear()
        self._logged_at = self.num_timesteps

    def _check_finite(self) -> None:
        """The cell checks what it gives; here is what wrappers make of it, and what the policy does."""
        for name in ("rewards", "new_obs", "actions"):
            wrong = np.argwhere(~np.isfinite(_rows(self.locals[name])))
            if wrong.size:
                env, entry = wrong[0]
                terms = self.locals["infos"][env].get("reward_terms")
                raise FloatingPointError(
                    f"environment {env}: {name}, entry {entry}, is not finite (reward terms {terms}); "
                    "expected finite numbers, or a smaller learning rate or log_std"
                )


def _rows(values: Any) -> Floats:
    """What all environments gave or got, a row each; the entries of a dictionary one after the other."""
    parts = list(values.values()) if isinstance(values, dict) else [values]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
