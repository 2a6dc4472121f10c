"""Behaviour cloning into an actor of SBX, which is a Flax module: imported only where SBX is at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robocell_agents.demonstrations import Transitions
from robocell_agents.training_config import CloningConfig


def clone(
    model: Any, data: Transitions, config: CloningConfig, steps: int, seed: int, tick: Callable[[], None]
) -> float:
    """As :func:`robocell_agents.cloning.clone`."""
    actor = model.policy.actor_state
    optimiser = optax.adam(optax.cosine_decay_schedule(config.learning_rate, steps, alpha=0.1))

    def loss(parameters: Any, observations: Any, labels: Any) -> Any:
        return ((actor.apply_fn(parameters, observations).mode() - labels) ** 2).mean()

    def step(parameters: Any, state: Any, observations: Any, labels: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, observations, labels)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, value

    parameters, state, compiled = actor.params, optimiser.init(actor.params), jax.jit(step)
    order = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        batch = order.integers(len(data), size=config.batch_size)
        parameters, state, value = compiled(parameters, state, data.observations[batch], data.labels[batch])
        losses.append(value)
        tick()
    model.policy.actor_state = actor.replace(params=parameters)
    return float(np.mean([float(value) for value in losses[-100:]]))


def set_log_std(model: Any, value: float) -> None:
    """As :func:`robocell_agents.cloning.set_log_std`; the layer is the actor's last one."""
    actor = model.policy.actor_state
    layers = dict(actor.params["params"])
    name = f"Dense_{len(model.policy.net_arch_pi) + 1}"
    kernel, bias = layers[name]["kernel"], layers[name]["bias"]
    layers[name] = {"kernel": jnp.zeros_like(kernel), "bias": jnp.full_like(bias, value)}
    model.policy.actor_state = actor.replace(params={**actor.params, "params": layers})
