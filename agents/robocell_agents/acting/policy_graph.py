"""A learned policy as one ONNX graph: normaliser → features → network → squashing, from an observation to an action."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from gymnasium import spaces
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor, nn

from robocell_controller.bundle.onnx_policy import INPUT, OUTPUT
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.path.observer import OBSERVATION_SIZE

_EXPORT = threading.Lock()  # warnings' filters and loggers' levels are the process's: overlapping changes would stay
_DEPRECATED = r"`isinstance\(treespec, LeafSpec\)`"
_OPSET = 18  # pinned, so that the graph's meaning does not move with the exporter's version


def policy_graph(model: BaseAlgorithm, normaliser: VecNormalize | None = None) -> bytes:
    """ONNX bytes of a model's deterministic policy; the same model gives the same bytes.

    Args:
        model: what has learned.
        normaliser: what it has learned behind, if it has.

    Raises:
        InputError: a policy that acts on something else than the observation of ``RobotCell/PickPlace-v0``, of a class
            whose layers are not known here, or with a layer that ONNX does not know.
    """
    network = _network(model)
    if normaliser and normaliser.norm_obs:
        network = nn.Sequential(_Normaliser(normaliser), network)
    try:
        proto = _exported(network.eval())
    except Exception as error:  # the exporter's own errors share no class
        found = f"a {type(model).__name__} that can't be exported ({str(error).splitlines()[0][:200]})"
        raise InputError("export", found, "layers that ONNX knows") from error
    _strip(proto)
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _exported(network: nn.Module) -> onnx.ModelProto:
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
    return program.model_proto


class _Normaliser(nn.Module):
    """What SB3's ``VecNormalize`` does to an observation.

    An entry that hardly moves has a spread of 1e-4, which would make 1e-3 of the rounding of its mean: so the mean is
    taken off in two steps, what float32 has of it and the rest.
    """

    mean: Tensor
    rest: Tensor
    spread: Tensor

    def __init__(self, normaliser: VecNormalize) -> None:
        super().__init__()
        statistics = normaliser.obs_rms
        assert isinstance(statistics, RunningMeanStd)
        mean, spread = torch.as_tensor(statistics.mean), np.sqrt(statistics.var + normaliser.epsilon)
        self.register_buffer("mean", mean.float())
        self.register_buffer("rest", (mean - mean.float()).float())
        self.register_buffer("spread", torch.as_tensor(spread).float())
        self.clip: float = min(float(normaliser.clip_obs), torch.finfo(torch.float32).max)

    def forward(self, observation: Tensor) -> Tensor:
        return torch.clamp((observation - self.mean - self.rest) / self.spread, -self.clip, self.clip)


class _ActorCriticActor(nn.Module):
    """The mean action of PPO and A2C, squashed where they do that, or clipped as ``predict`` does."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        self.features = policy.pi_features_extractor
        self.hidden = _allowed(policy.mlp_extractor.policy_net)
        self.action = policy.action_net
        self.squash = policy.squash_output

    def forward(self, observation: Tensor) -> Tensor:
        mean = self.action(self.hidden(self.features(observation)))
        return torch.tanh(mean) if self.squash else torch.clamp(mean, -1.0, 1.0)


class _SquashedActor(nn.Module):
    """The squashed mean action of SAC and TQC."""

    def __init__(self, policy: SACPolicy | TQCPolicy) -> None:
        super().__init__()
        self.features = policy.actor.features_extractor
        self.hidden = _allowed(policy.actor.latent_pi)
        self.action = policy.actor.mu

    def forward(self, observation: Tensor) -> Tensor:
        return torch.tanh(self.action(self.hidden(self.features(observation))))


class _DeterministicActor(nn.Module):
    """The action of TD3, whose last layer squashes."""

    def __init__(self, policy: TD3Policy) -> None:
        super().__init__()
        self.features = policy.actor.features_extractor
        self.action = _allowed(policy.actor.mu)

    def forward(self, observation: Tensor) -> Tensor:
        action: Tensor = self.action(self.features(observation))
        return action


class _LeakyReLU(nn.Module):
    """The same numbers from operators that the controller allows."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, values: Tensor) -> Tensor:
        return torch.relu(values) - self.slope * torch.relu(0.0 - values)


def _allowed(layers: nn.Sequential) -> nn.Sequential:
    """The layers in operators that the controller allows, as far as there is a way."""
    return nn.Sequential(
        *(_LeakyReLU(each.negative_slope) if isinstance(each, nn.LeakyReLU) else each for each in layers)
    )


def _network(model: BaseAlgorithm) -> nn.Module:
    space, policy = model.observation_space, model.policy
    if not isinstance(space, spaces.Box) or space.shape != (OBSERVATION_SIZE,):
        raise InputError("export", f"a policy that acts on {space}", "one of RobotCell/PickPlace-v0")
    if model.action_space.shape != (ACTION_SIZE,):
        raise InputError("export", f"actions in {model.action_space}", f"{ACTION_SIZE} numbers in [-1, 1]")
    if isinstance(policy, ActorCriticPolicy):
        return _ActorCriticActor(policy)
    if isinstance(policy, SACPolicy | TQCPolicy):
        return _SquashedActor(policy)
    if isinstance(policy, TD3Policy):
        return _DeterministicActor(policy)
    raise InputError("export", f"a {type(model).__module__}.{type(model).__name__}", "PPO, A2C, SAC, TD3 or TQC")


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
