"""The content of a tiny bundle that passes every check."""

from __future__ import annotations

from pathlib import Path

import graphs
import numpy as np

from robocell_controller.bundle.bundle import CARD, CONTRACT, EVALUATION, GOLDEN, POLICY, SBOM
from robocell_controller.bundle.golden import Golden
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.bundle.policy_contract import own_contract, training_envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.path.observer import BOUNDS
from robocell_controller.trust.canonical import json_bytes


def tiny_files(cell: CellConfig) -> dict[str, bytes]:
    """Everything in a bundle but its manifest."""
    graph = graphs.tiny()
    policy = OnnxPolicy(Path("tiny.onnx"), graph)
    observations = np.random.default_rng(1).uniform(-BOUNDS, BOUNDS, (20, len(BOUNDS))).astype(np.float32)
    golden = Golden(observations, np.array([policy.act(observation) for observation in observations]))
    contract = own_contract(cell, "pick_place", training_envelope(np.stack([-BOUNDS, BOUNDS])))
    return {
        POLICY: graph,
        CONTRACT: json_bytes(contract.model_dump()),
        GOLDEN: golden.to_bytes(),
        EVALUATION: json_bytes({"success": None}),
        CARD: b"# tiny\n",
        SBOM: json_bytes({"bomFormat": "CycloneDX"}),
    }
