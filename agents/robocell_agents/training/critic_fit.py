"""Fitting the critic to the returns of the first rollouts, before it has a say in where the actor goes.

A clone begins with a critic that knows nothing. Advantages reckoned with it lead the actor away from what it has just
learned, and it takes long to come back; so the critic first looks at many rollouts of the actor as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from robocell_agents.acting.training_config import CriticFitConfig

_BATCH = 512


class CriticFit:
    """Keeps all rollouts that it is shown, and fits the critic to them by mean squared error."""

    def __init__(self, config: CriticFitConfig, model: BaseAlgorithm, seed: int) -> None:
        """Has an optimiser of its own: the algorithm's has another learning rate, and the actor's moments."""
        assert isinstance(model, OnPolicyAlgorithm)
        self._model = model
        self._steps = config.steps
        critic = [weights for name, weights in model.policy.named_parameters() if "value_net" in name]
        self._optimiser = torch.optim.Adam(critic, lr=config.learning_rate)
        self._order = np.random.default_rng(seed)
        self._observations: list[np.ndarray] = []
        self._returns: list[np.ndarray] = []

    def on_rollout(self) -> None:
        """Takes in the rollout that the model has just made, and makes some steps on all of them."""
        buffer = self._model.rollout_buffer
        assert isinstance(buffer.observations, np.ndarray)
        self._observations.append(buffer.observations.reshape(-1, buffer.observations.shape[-1]).copy())
        self._returns.append(buffer.returns.reshape(-1, 1).copy())
        observations = torch.as_tensor(np.concatenate(self._observations))
        returns = torch.as_tensor(np.concatenate(self._returns))
        for _ in range(self._steps):
            batch = torch.as_tensor(self._order.integers(len(returns), size=_BATCH))
            values = self._model.policy.predict_values(observations[batch])
            loss = torch.nn.functional.mse_loss(values, returns[batch])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
