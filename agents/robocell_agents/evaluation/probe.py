"""Linear probes: what of the truth can be read from a policy's inputs, or from what it computes of them?

What a linear map can read from the last hidden layer, the policy has at hand (Alain and Bengio 2017, arXiv:1610.01644).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from robocell_agents.acting.demonstrations import Floats, Layers
from robocell_controller.bundle.bundle import POLICY, load_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Array
from robocell_controller.errors import InputError

_FOLDS = 5
_RIDGE = 0.1  # weight of the penalty for each episode, the features being scaled to unit variance
_TANH_NETWORK = ("Gemm", "Tanh")


def policy_layers(policy: str, cell: CellConfig) -> Layers:
    """Weights and biases of a bundle's or run's network of tanh layers, first layer first.

    Raises:
        InputError: no such policy, or a network of another kind.
    """
    folder = Path(policy)
    if (folder / "manifest.json").is_file():
        load_bundle(folder, cell)  # refuses what can't be trusted
        graph = onnx.load_model_from_string((folder / POLICY).read_bytes()).graph
    else:
        from robocell_agents.acting.policy_graph import policy_graph
        from robocell_agents.acting.run_folder import load_model

        graph = onnx.load_model_from_string(policy_graph(load_model(folder))).graph
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    if any(node.op_type not in (*_TANH_NETWORK, "Clip") for node in graph.node):
        raise InputError(policy, "a network of other layers", "one of tanh layers, as PPO trains it")
    return [(weights[node.input[1]], weights[node.input[2]]) for node in graph.node if node.op_type == _TANH_NETWORK[0]]


def so_far(episodes: list[Floats], step: int) -> Array:
    """What each episode has shown up to ``step``: its mean and its last vector; [episodes, 2 × features].

    An episode that is over stays at its end.
    """
    return np.array([np.append(rows[: step + 1].mean(axis=0), rows[: step + 1][-1]) for rows in episodes])


def readable(features: Array, values: Array) -> float:
    """Share of the variance of ``values`` [n] that ridge regression on ``features`` [n, d] explains on held-out ones.

    R² over five folds; at least 0, which is the mean's.
    """
    folds = np.arange(len(values)) % _FOLDS
    guessed = np.empty(len(values))
    for fold in range(_FOLDS):
        train = folds != fold
        centre, scale = features[train].mean(axis=0), features[train].std(axis=0) + 1e-9
        x, mean = (features - centre) / scale, values[train].mean()
        normal = x[train].T @ x[train] + _RIDGE * train.sum() * np.eye(x.shape[1])
        guessed[~train] = mean + x[~train] @ np.linalg.solve(normal, x[train].T @ (values[train] - mean))
    return max(0.0, 1.0 - float(((values - guessed) ** 2).sum() / ((values - values.mean()) ** 2).sum()))
