"""Behaviour cloning of labelled observations into a policy, and what the learner does to the actor besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy

from robocell_agents.acting.asymmetric import actor_modules
from robocell_agents.acting.demonstrations import Layers, Transitions
from robocell_agents.acting.training_config import CloningConfig, TrainingConfig

Rows = npt.NDArray[np.int64]
Fit = Callable[[Rows], SupportsFloat]  # rows of the data to the loss before the step


def mean_action(model: BaseAlgorithm, observations: torch.Tensor) -> torch.Tensor:
    """The policy's deterministic action, before clipping, [n, action], with gradients."""
    policy = model.policy
    if isinstance(policy, ActorCriticPolicy):
        action: torch.Tensor = policy.action_net(policy.mlp_extractor.forward_actor(observations))
        return action
    assert isinstance(policy, SACPolicy)
    return torch.tanh(policy.actor.mu(policy.actor.latent_pi(observations)))


def clone(
    model: BaseAlgorithm,
    data: Transitions,
    config: CloningConfig,
    steps: int,
    seed: int,
    tick: Callable[[], None],
) -> float:
    """Fits the policy's mean action to the labels by mean squared error; returns the last losses' mean.

    Args:
        model: PPO or SAC, of SB3 or SBX.
        data: labelled transitions.
        config: batch size and learning rate.
        steps: gradient steps.
        seed: of the order of the batches.
        tick: called after each step.
    """
    fit, order = fitting(model, data, config.learning_rate, steps), np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        losses.append(fit(order.integers(len(data), size=config.batch_size)))
        tick()
    return float(np.mean([float(loss) for loss in losses[-100:]]))


def fitting(model: BaseAlgorithm, data: Transitions, learning_rate: float, decay_steps: int | None) -> Fit:
    """One step of Adam at a time: of the mean action's squared error on given rows of the data.

    Args:
        model: as of :func:`clone`.
        data: as of :func:`clone`.
        learning_rate: of the first step.
        decay_steps: after which it has fallen to a tenth, as a cosine; None if it stays.
    """
    if _is_of_sbx(model):
        from robocell_agents.training.cloning_sbx import fitting as fitting_sbx  # only here, because it imports JAX

        return fitting_sbx(model, data, learning_rate, decay_steps)
    observations, labels = torch.as_tensor(data.observations), torch.as_tensor(data.labels)
    optimiser = torch.optim.Adam(actor_parameters(model).values(), lr=learning_rate)
    decay = decay_steps and torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, decay_steps, 0.1 * learning_rate)

    def fit(rows: Rows) -> float:
        batch = torch.as_tensor(rows)
        loss = torch.nn.functional.mse_loss(mean_action(model, observations[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if decay:
            decay.step()
        return loss.item()

    return fit


def rehearsal(
    config: TrainingConfig, model: BaseAlgorithm, data: Transitions | None, seed: int
) -> Callable[[], None] | None:
    """What is to be done after each rollout so that the actor stays near what it was shown; None if nothing is."""
    if config.rehearsal is None:
        return None
    assert config.cloning is not None and data is not None
    steps, size, rows = config.rehearsal.steps, config.cloning.batch_size, len(data)
    fit, order = fitting(model, data, config.rehearsal.learning_rate, None), np.random.default_rng(seed)

    def rehearse() -> None:
        for _ in range(steps):
            fit(order.integers(rows, size=size))

    return rehearse


def actor_parameters(model: BaseAlgorithm) -> dict[str, torch.nn.Parameter]:
    """The actor's weights by name, without its exploration noise."""
    return {name: parameter for name, parameter in model.policy.named_parameters() if _is_actor(name)}


def set_actor_trainable(model: BaseAlgorithm, trainable: bool) -> None:
    """Freezes or releases the actor's weights, so that the critic can be trained alone."""
    for name, parameter in model.policy.named_parameters():
        if _is_actor(name) or name == "log_std":
            parameter.requires_grad_(trainable)


def set_log_std(model: BaseAlgorithm, value: float) -> None:
    """Lets SAC begin with a standard deviation of exp(``value``) before squashing, everywhere; PPO is built with it.

    Cloning leaves about 1, and with that much noise the first rollouts are none of the cloned policy.
    """
    if _is_of_sbx(model):
        from robocell_agents.training.cloning_sbx import set_log_std as set_log_std_sbx

        set_log_std_sbx(model, value)
    elif isinstance(model.policy, SACPolicy):
        layer = model.policy.actor.log_std
        assert isinstance(layer, torch.nn.Linear)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, value)


def plain_layers(model: BaseAlgorithm) -> Layers:
    """The PPO actor as weights and biases, for workers that do without torch."""
    policy = model.policy
    assert isinstance(policy, ActorCriticPolicy)
    return [
        (module.weight.detach().numpy().copy(), module.bias.detach().numpy().copy())
        for module in actor_modules(policy)
        if isinstance(module, torch.nn.Linear)
    ]


def _is_of_sbx(model: BaseAlgorithm) -> bool:
    return hasattr(model.policy, "actor_state")


def _is_actor(name: str) -> bool:
    return name.startswith(("mlp_extractor.policy_net", "action_net", "actor."))
