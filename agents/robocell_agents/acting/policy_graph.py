"""A learned policy as one ONNX graph: features → network → squashing, from a raw observation to a ready action."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from robocell_controller.bundle.onnx_policy import INPUT, OUTPUT
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.path.observer import OBSERVATION_SIZE

_EXPORT = threading.Lock()  # warnings' filters and loggers' levels are the process's: overlapping changes would stay
_DEPRECATED = r"`isinstance\(treespec, LeafSpec\)`"
_OPSET = 18  # pinned, so that the graph's meaning does not move with the exporter's version


def policy_graph(model: BaseAlgorithm) -> bytes:
    """ONNX bytes of a model's deterministic policy; the same model gives the same bytes.

    Raises:
        InputError: a policy that acts on something else than the observation of ``RobotCell/PickPlace-v0``, or
            of a class whose layers are not known here.
    """
    network = _network(model).eval()
    example = (torch.zeros(1, OBSERVATION_SIZE),)
    with _EXPORT, _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network,
            example,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


class _ActorCriticActor(nn.Module):
    """The mean action of PPO and its kin, clipped as ``predict`` does."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        self.features = policy.pi_features_extractor
        self.hidden = policy.mlp_extractor.policy_net
        self.action = policy.action_net

    def forward(self, observation: Tensor) -> Tensor:
        return torch.clamp(self.action(self.hidden(self.features(observation))), -1.0, 1.0)


class _SquashedActor(nn.Module):
    """The squashed mean action of SAC."""

    def __init__(self, policy: SACPolicy) -> None:
        super().__init__()
        self.features = policy.actor.features_extractor
        self.hidden = policy.actor.latent_pi
        self.action = policy.actor.mu

    def forward(self, observation: Tensor) -> Tensor:
        return torch.tanh(self.action(self.hidden(self.features(observation))))


def _network(model: BaseAlgorithm) -> nn.Module:
    space, policy = model.observation_space, model.policy
    if not isinstance(space, spaces.Box) or space.shape != (OBSERVATION_SIZE,):
        raise InputError("export", f"a policy that acts on {space}", "one of RobotCell/PickPlace-v0")
    if model.action_space.shape != (ACTION_SIZE,):
        raise InputError("export", f"actions in {model.action_space}", f"{ACTION_SIZE} numbers in [-1, 1]")
    if isinstance(policy, ActorCriticPolicy) and not policy.squash_output:
        return _ActorCriticActor(policy)
    if isinstance(policy, SACPolicy):
        return _SquashedActor(policy)
    raise InputError("export", f"a {type(model).__module__}.{type(model).__name__}", "SB3's PPO or SAC")


def _strip(proto: onnx.ModelProto) -> None:
    """Takes out the notes of the exporter, which hold stack traces with the paths of this machine."""
    graph = proto.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for item in (proto, graph, *graph.node, *values):
        del item.metadata_props[:]
        item.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter says about optional packages and its own deprecations helps no user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _DEPRECATED, FutureWarning)
            yield
    finally:
        logger.setLevel(level)
