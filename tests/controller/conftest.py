from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import Phase, settings
from onnx import TensorProto, helper, numpy_helper

from robocell_controller.bundle import CARD, CONTRACT, EVALUATION, GOLDEN, POLICY, json_bytes, write_bundle
from robocell_controller.cell import CellConfig
from robocell_controller.config import load
from robocell_controller.golden import Golden
from robocell_controller.observer import BOUNDS, OBSERVATION_SIZE
from robocell_controller.onnx_policy import OnnxPolicy
from robocell_controller.policy_contract import own_contract

# `make mutation` asks whether a test fails, not for its simplest case.
settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate], derandomize=True)

MANIFEST_FIELDS = {"name": "tiny", "version": "1", "created_by": {}, "parity": {"random": 0.0}}


@pytest.fixture(scope="session")
def cell() -> CellConfig:
    return load(CellConfig, "cells", "pick_place")


@pytest.fixture(scope="session")
def tiny_graph() -> Callable[..., bytes]:
    return _tiny_graph


def _tiny_graph(inputs: int = OBSERVATION_SIZE, outputs: int = 5) -> bytes:
    """ONNX bytes of tanh(observation · weights)."""
    weights = np.random.default_rng(0).normal(0.0, 0.3, (inputs, outputs)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["observation", "weights"], ["product"]),
            helper.make_node("Tanh", ["product"], ["action"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, [1, inputs])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def bundle_files(cell: CellConfig) -> dict[str, bytes]:
    """Everything in a bundle but its manifest."""
    graph = _tiny_graph()
    policy = OnnxPolicy(Path("tiny.onnx"), graph)
    observations = np.random.default_rng(1).uniform(-BOUNDS, BOUNDS, (20, len(BOUNDS))).astype(np.float32)
    golden = Golden(observations, np.array([policy.act(observation) for observation in observations]))
    return {
        POLICY: graph,
        CONTRACT: json_bytes(own_contract(cell, "pick_place").model_dump()),
        GOLDEN: golden.to_bytes(),
        EVALUATION: json_bytes({"success": None}),
        CARD: b"# tiny\n",
    }


@pytest.fixture
def make_bundle(bundle_files: dict[str, bytes], tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle, with some files replaced, and returns its folder."""

    def make(name: str = "bundle", **changes: bytes) -> Path:
        folder = tmp_path / name
        replaced = {key.replace("_", "."): content for key, content in changes.items()}
        write_bundle(folder, {**bundle_files, **replaced}, MANIFEST_FIELDS)
        return folder

    return make


@pytest.fixture
def bundle(make_bundle: Callable[..., Path]) -> Path:
    return make_bundle()
