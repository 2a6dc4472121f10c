"""A chain of dense layers, read out of an ONNX graph and computed with NumPy.

Between two inferences of a paced loop others use the caches, so most of the time goes into fetching code and weights
anew. For a net of a few layers NumPy touches much less than ONNX Runtime, and takes half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import onnx

Values = npt.NDArray[np.float32]
Function = Callable[[Values], Values]
_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
_DEFAULTS = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}


def dense(content: bytes) -> Function | None:
    """What a checked graph computes, of one observation [n] instead of [1, n]; None if it is no such chain."""
    graph = onnx.ModelProto.FromString(content).graph
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    functions, last = [], graph.input[0].name
    for node in graph.node:
        function = _function(node, weights)
        if function is None or node.input[0] != last:
            return None
        functions.append(function)
        last = node.output[0]
    return partial(_in_turn, functions) if [output.name for output in graph.output] == [last] else None


def _function(node: onnx.NodeProto, weights: dict[str, Values]) -> Function | None:
    """What one node does; None for a node of another kind."""
    given = [weights[name] for name in node.input[1:] if name in weights]
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "Tanh":
        return np.tanh
    if node.op_type == "Relu":
        return partial(np.maximum, np.float32(0.0))
    if len(given) != 2 or len(node.input) != 3:
        return None
    first, second = given
    if node.op_type == "Clip":
        return partial(_clipped, first, second)
    return partial(_layer, first, second) if node.op_type == "Gemm" and _DEFAULTS | attributes == _GEMM else None


def _in_turn(functions: list[Function], values: Values) -> Values:
    for function in functions:
        values = function(values)
    return values


def _layer(weight: Values, bias: Values, values: Values) -> Values:
    """By ``einsum``, which stays on this thread and always sums alike; BLAS may ask other threads to help."""
    product: Values = np.einsum("ij,j->i", weight, values)
    product += bias
    return product


def _clipped(low: Values, high: Values, values: Values) -> Values:
    return np.minimum(np.maximum(values, low), high)
