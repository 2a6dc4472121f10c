"""Behaviour cloning into an actor of SBX, which is a Flax module: imported only where SBX is at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from robocell_agents.acting.demonstrations import Transitions


def fitting(model: Any, data: Transitions, learning_rate: float, decay_steps: int | None) -> Callable[[Any], Any]:
    """As :func:`robocell_agents.training.cloning.fitting`; the loss stays on its device until it is asked for."""
    apply = model.policy.actor_state.apply_fn
    rate = optax.cosine_decay_schedule(learning_rate, decay_steps, alpha=0.1) if decay_steps else learning_rate
    optimiser = optax.adam(rate)
    state = optimiser.init(model.policy.actor_state.params)

    def loss(parameters: Any, observations: Any, labels: Any) -> Any:
        return ((apply(parameters, observations).mode() - labels) ** 2).mean()

    def step(parameters: Any, state: Any, observations: Any, labels: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, observations, labels)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, value

    compiled = jax.jit(step)

    def fit(rows: Any) -> Any:
        nonlocal state
        actor = model.policy.actor_state
        parameters, state, value = compiled(actor.params, state, data.observations[rows], data.labels[rows])
        model.policy.actor_state = actor.replace(params=parameters)
        return value

    return fit


def set_log_std(model: Any, value: float) -> None:
    """As :func:`robocell_agents.training.cloning.set_log_std`; the layer is the actor's last one."""
    actor = model.policy.actor_state
    layers = dict(actor.params["params"])
    name = f"Dense_{len(model.policy.net_arch_pi) + 1}"
    kernel, bias = layers[name]["kernel"], layers[name]["bias"]
    layers[name] = {"kernel": jnp.zeros_like(kernel), "bias": jnp.full_like(bias, value)}
    model.policy.actor_state = actor.replace(params={**actor.params, "params": layers})
