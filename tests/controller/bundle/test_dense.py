from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import graphs
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from robocell_controller.bundle.dense import dense
from robocell_controller.bundle.golden import TOLERANCE
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.bundle.runtime import onnxruntime

RELEASED = sorted((Path(__file__).parents[3] / "results" / "policies").glob("*/policy.onnx"))


def chain(*activations: str, inputs: int = 33, hidden: int = 24) -> bytes:
    """Layers of random weights, each with its activation."""
    stream = np.random.default_rng(len(activations))
    nodes, tensors, last, size = [], {}, "observation", inputs
    for index, activation in enumerate(activations):
        width = 5 if index == len(activations) - 1 else hidden
        tensors[f"w{index}"] = stream.normal(0.0, 0.5, (width, size)).astype(np.float32)
        tensors[f"b{index}"] = stream.normal(0.0, 0.5, width).astype(np.float32)
        nodes.append(helper.make_node("Gemm", [last, f"w{index}", f"b{index}"], [f"y{index}"], transB=1))
        bounds = {"low": np.array(-0.5, np.float32), "high": np.array(0.7, np.float32)} if activation == "Clip" else {}
        tensors |= bounds
        last, size = "action" if width == 5 else f"z{index}", width
        nodes.append(helper.make_node(activation, [f"y{index}", *bounds], [last]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, [1, inputs])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


CONTENTS = [chain("Tanh", "Tanh", "Clip"), chain("Relu", "Relu", "Relu", "Tanh"), chain("Clip")]


@pytest.mark.parametrize("content", [*CONTENTS, *(path.read_bytes() for path in RELEASED)])
def test_it_computes_what_onnx_runtime_computes(content: bytes) -> None:
    ours, session = dense(content), onnxruntime.InferenceSession(content)
    assert ours is not None
    for observation in np.random.default_rng(0).uniform(-2.0, 2.0, (100, 33)).astype(np.float32):
        expected = session.run(None, {"observation": observation[None]})[0][0]
        found = ours(observation)
        assert (found.dtype, found.shape) == (np.float32, (5,))
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def _transposed(model: onnx.ModelProto) -> None:
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights.T.copy(), "w0"))
    model.graph.node[0].attribute[0].i = 0


def _scaled(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("alpha", 0.5))


def _shortcut(model: onnx.ModelProto) -> None:
    """The first layer's activation is left out of the way."""
    model.graph.node[2].input[0] = "y0"


def _other(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Sigmoid"


def _unbiased(model: onnx.ModelProto) -> None:
    del model.graph.node[0].input[2]


@pytest.mark.parametrize("change", [_transposed, _scaled, _shortcut, _other, _unbiased])
def test_another_graph_is_left_to_onnx_runtime(change: Callable[[onnx.ModelProto], None]) -> None:
    content = graphs.changed(CONTENTS[0], change)
    assert dense(content) is None
    observation = np.linspace(-1.0, 1.0, 33, dtype=np.float32)
    expected = onnxruntime.InferenceSession(content).run(None, {"observation": observation[None]})[0][0]
    np.testing.assert_array_equal(OnnxPolicy(Path("p.onnx"), content).act(observation), expected)
