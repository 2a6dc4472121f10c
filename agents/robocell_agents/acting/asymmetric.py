"""PPO policies whose critic sees more than their actor: the truth too, or entries that are kept from the actor.

Only training needs the difference. To act, a policy is made a plain one again: the same actor on the plain observation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor

from robocell_controller.path.observer import BOUNDS, FEATURES, OBSERVATION_SIZE


def mask(unseen: list[str]) -> list[float]:
    """1 for each entry of the observation that the actor sees, 0 for those named."""
    return [float(feature.name not in unseen) for feature in FEATURES]


class Seen(torch.nn.Module):
    """First layer of the actor: the observation alone, and of it what the mask lets through."""

    mask: torch.Tensor

    def __init__(self, entries: list[float]) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor(entries))

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        """[n, at least OBSERVATION_SIZE] → [n, OBSERVATION_SIZE]."""
        return vector[..., : len(self.mask)] * self.mask


class AsymmetricPolicy(ActorCriticPolicy):
    """SB3's policy with :class:`Seen` before its actor; ``mask`` as of :func:`mask`."""

    def __init__(self, *arguments: Any, mask: list[float], **keywords: Any) -> None:
        self._mask = mask
        super().__init__(*arguments, **keywords)

    def _build_mlp_extractor(self) -> None:
        super()._build_mlp_extractor()
        actor = MlpExtractor(OBSERVATION_SIZE, self.net_arch, self.activation_fn, self.device)
        self.mlp_extractor.policy_net = torch.nn.Sequential(Seen(self._mask), *actor.policy_net)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "mask": self._mask}


def actor_modules(policy: ActorCriticPolicy) -> list[torch.nn.Module]:
    """The actor's modules from a plain observation to the mean action, the mask within the first layer's weights."""
    first, *others = [*policy.mlp_extractor.policy_net, policy.action_net]
    if not isinstance(first, Seen):
        return [first, *others]
    layer = others[0]
    assert isinstance(layer, torch.nn.Linear)
    masked = torch.nn.Linear(layer.in_features, layer.out_features)
    with torch.no_grad():
        masked.weight.copy_(layer.weight * first.mask)
        masked.bias.copy_(layer.bias)
    return [masked, *others[1:]]


def to_act(model: BaseAlgorithm) -> BaseAlgorithm:
    """The model as one that acts on the plain observation; it can't learn any more."""
    if isinstance(model.policy, AsymmetricPolicy):
        *hidden, _ = actor_modules(model.policy)
        model.policy.mlp_extractor.policy_net = torch.nn.Sequential(*hidden)
        space = spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32)
        model.observation_space = model.policy.observation_space = space
    return model
