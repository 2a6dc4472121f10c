"""The actor averaged over its updates, which is what is validated and kept.

Single updates of policy-gradient methods swing round the optimum; the exponential average of the weights does not
(Polyak and Juditsky 1992; Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from robocell_agents.training.cloning import actor_parameters

_ATTRIBUTE = "actor_average"  # of the model, so that it is saved and loaded with it


def update_average(model: BaseAlgorithm, share: float) -> None:
    """Takes the present actor into the average, of which ``share`` is kept; the first call starts it."""
    present = {name: parameter.detach() for name, parameter in actor_parameters(model).items()}
    average: dict[str, torch.Tensor] | None = getattr(model, _ATTRIBUTE, None)
    if average is None:
        setattr(model, _ATTRIBUTE, {name: weights.clone() for name, weights in present.items()})
        return
    for name, weights in present.items():
        average[name].lerp_(weights, 1.0 - share)


@contextmanager
def averaged(model: BaseAlgorithm) -> Iterator[None]:
    """While it lasts, the model acts with the average, if there is one."""
    average: dict[str, torch.Tensor] = getattr(model, _ATTRIBUTE, None) or {}
    parameters = actor_parameters(model)
    present = {name: parameters[name].detach().clone() for name in average}
    _load(parameters, average)
    try:
        yield
    finally:
        _load(parameters, present)


def _load(parameters: dict[str, torch.nn.Parameter], weights: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, values in weights.items():
            parameters[name].copy_(values)
