"""A tiny policy as an ONNX graph, and hostile ones, each with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from robocell_controller.path.observer import OBSERVATION_SIZE

Change = Callable[[onnx.ModelProto], None]


def tiny(inputs: int = OBSERVATION_SIZE, outputs: int = 5) -> bytes:
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


def changed(content: bytes, change: Change) -> bytes:
    model = onnx.ModelProto.FromString(content)
    change(model)
    return model.SerializeToString(deterministic=True)


def external_data(model: onnx.ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../etc/passwd")


def custom_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.attacker", 1))


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.attacker"


def operator(name: str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[1].op_type = name

    return change


def function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Tanh", ["x"], ["y"])
    model.functions.append(helper.make_function("", "Tanh", ["x"], ["y"], [node], model.opset_import))


def subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node[1].attribute.append(helper.make_attribute("body", inner))


def tensor_attribute(model: onnx.ModelProto) -> None:
    value = numpy_helper.from_array(np.zeros(3, np.float32))
    model.graph.node[1].attribute.append(helper.make_attribute("value", value))


def infinite_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("alpha", float("inf")))


def metadata(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="ort_config", value="{}")


def opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def double_weights(model: onnx.ModelProto) -> None:
    weights = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float64)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))


def nan_weight(model: onnx.ModelProto) -> None:
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[7, 2] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))


def huge_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**31, 2**31]


def short_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] += 1


def many_nodes(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Tanh", ["product" if i == 0 else f"t{i - 1}"], [f"t{i}"]) for i in range(100)]
    model.graph.node.extend(nodes)


def unknown_input(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[1] = "nowhere"


def other_interface(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6


def exploding_shape(model: onnx.ModelProto) -> None:
    """Two vectors of a thousand weights become a million values, and so on."""
    for name, shape in (("column", [1000, 1]), ("row", [1, 1000])):
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(shape, np.float32), name))
    model.graph.node.append(helper.make_node("Add", ["column", "row"], ["square"]))


def clip_by_a_matrix(model: onnx.ModelProto) -> None:
    """Valid for the checker; ONNX Runtime finds out when it runs."""
    model.graph.node[1].op_type = "Clip"
    model.graph.node[1].input.append("weights")


def slow(model: onnx.ModelProto) -> None:
    """Nothing but honest multiplications, forty times sixteen megabytes of weights."""
    size = 2000
    graph = model.graph
    first = np.zeros((33, size), np.float32)
    graph.initializer.append(numpy_helper.from_array(first, "widen"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((size, size), np.float32), "square"))
    graph.node.append(helper.make_node("MatMul", ["observation", "widen"], ["wide0"]))
    for i in range(40):
        graph.node.append(helper.make_node("MatMul", [f"wide{i}", "square"], [f"wide{i + 1}"]))
    narrow = numpy_helper.from_array(np.zeros((size, 5), np.float32), "narrow")
    graph.initializer.append(narrow)
    graph.node.append(helper.make_node("MatMul", ["wide40", "narrow"], ["nothing"]))
    graph.node[0].output[0] = "bare"
    graph.node.append(helper.make_node("Add", ["bare", "nothing"], ["product"]))
    tanh = graph.node[1]
    graph.node.append(helper.make_node("Tanh", ["product"], ["action"]))
    graph.node.remove(tanh)


def unknown_field(content: bytes) -> bytes:
    """A field that no reader of ONNX knows, with whatever in it."""
    return content + bytes([0xFA, 0x3F, 4]) + b"evil"


def padded_number(content: bytes) -> bytes:
    """The version of the format, in a longer form of the same number."""
    assert content[:2] == b"\x08\x0a"
    return b"\x08\x8a\x00" + content[2:]
