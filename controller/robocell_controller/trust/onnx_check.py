"""The policy's graph, looked at before ONNX Runtime gets to see it: a short list of what is allowed, no more.

The file is parsed as plain data. Fields, operators and attributes that are not on the lists below are refused, so
code (functions, subgraphs, custom operators) and other files (external data) have no way in, and nothing travels
along unseen. Sizes of weights and of all values in between are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, TensorProto

from robocell_controller.trust.refusals import Code, RefusedError

Shape = list[int]
Interface = dict[str, Shape]

OPERATORS = {
    *("Add", "Sub", "Mul", "Div", "Gemm", "MatMul", "Flatten", "Identity", "LayerNormalization"),
    *("Clip", "Elu", "Relu", "Sigmoid", "Tanh"),
}
MOST_NODES = 64
MOST_WEIGHTS = 2**22
MOST_VALUES = 2**16  # in one result of a node
MOST_AXES = 4
OPSETS, IR_VERSIONS = range(17, 24), range(8, 14)
_FIELDS = {
    "ModelProto": "ir_version opset_import producer_name producer_version graph",
    "OperatorSetIdProto": "domain version",
    "GraphProto": "node name initializer input output value_info",
    "NodeProto": "input output name op_type domain attribute",
    "AttributeProto": "name type f i ints floats",
    "TensorProto": "dims data_type name raw_data",
    "ValueInfoProto": "name type",
    "TypeProto": "tensor_type",
    "Tensor": "elem_type shape",
    "TensorShapeProto": "dim",
    "Dimension": "dim_value",
}
_FIELD_CODES = {
    "functions": Code.ONNX_FUNCTION,
    "training_info": Code.ONNX_FUNCTION,
    "g": Code.ONNX_SUBGRAPH,
    "graphs": Code.ONNX_SUBGRAPH,
    "external_data": Code.ONNX_EXTERNAL_DATA,
    "data_location": Code.ONNX_EXTERNAL_DATA,
    "metadata_props": Code.ONNX_METADATA,
    "doc_string": Code.ONNX_METADATA,
}
_MESSAGE_CODES = {"AttributeProto": Code.ONNX_ATTRIBUTE, "TensorProto": Code.ONNX_TENSOR}


def check_graph(path: Path, content: bytes, interface: tuple[Interface, Interface]) -> None:
    """Checks the bytes of an ONNX file.

    Args:
        path: for errors.
        content: the file.
        interface: names and shapes of the inputs and of the outputs that it must have, all float32.

    Raises:
        RefusedError: says what is not allowed.
    """
    model = _parse(path, content)
    _check_fields(path, model)
    _check_versions(path, model)
    _check_nodes(path, model.graph)
    _check_weights(path, model.graph)
    for values, wanted in zip((model.graph.input, model.graph.output), interface, strict=True):
        found = {value.name: _shape(value) for value in values}
        if found != wanted or len(values) != len(wanted):
            raise RefusedError(Code.ONNX_INTERFACE, path, f"a graph with {found}", str(wanted))
    _check_values(path, model)


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise RefusedError(Code.ONNX_PARSE, path, str(error), "an ONNX model") from error
    model.DiscardUnknownFields()
    if model.ByteSize() != len(content):  # unknown fields, fields given twice, or longer forms of the same numbers
        raise RefusedError(
            Code.ONNX_ENCODING, path, f"{len(content)} bytes", f"{model.ByteSize()} for what the model says"
        )
    return model


def _check_fields(path: Path, message: Message) -> None:
    """No field is set that is not on the list, at any depth."""
    kind = message.DESCRIPTOR.name
    allowed = _FIELDS[kind].split()
    for descriptor, value in message.ListFields():
        if descriptor.name not in allowed:
            code = _FIELD_CODES.get(descriptor.name) or _MESSAGE_CODES.get(kind, Code.ONNX_ENCODING)
            raise RefusedError(code, path, f"{kind}.{descriptor.name} is set", f"only {', '.join(allowed)}")
        if descriptor.message_type:
            for each in value if isinstance(value, Iterable) else (value,):
                _check_fields(path, each)


def _check_versions(path: Path, model: onnx.ModelProto) -> None:
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            raise RefusedError(Code.ONNX_DOMAIN, path, f"operators of {opset.domain!r}", "ONNX's own only")
    opsets = [opset.version for opset in model.opset_import]
    if len(opsets) != 1 or opsets[0] not in OPSETS or model.ir_version not in IR_VERSIONS:
        found = f"IR version {model.ir_version}, operator sets {opsets[:4]}"
        expected = f"IR {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}, one set of {OPSETS[0]} to {OPSETS[-1]}"
        raise RefusedError(Code.ONNX_VERSION, path, found, expected)


def _check_nodes(path: Path, graph: onnx.GraphProto) -> None:
    if len(graph.node) > MOST_NODES:
        raise RefusedError(Code.ONNX_SIZE, path, f"{len(graph.node)} nodes", f"at most {MOST_NODES}")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise RefusedError(Code.ONNX_DOMAIN, path, f"an operator of {node.domain!r}", "ONNX's own only")
        if node.op_type not in OPERATORS:
            raise RefusedError(Code.ONNX_OPERATOR, path, repr(node.op_type)[:80], ", ".join(sorted(OPERATORS)))
        for attribute in node.attribute:
            _check_attribute(path, attribute)


def _check_attribute(path: Path, attribute: AttributeProto) -> None:
    numbers = (attribute.f, *attribute.floats)
    scalar = attribute.type in (AttributeProto.FLOAT, AttributeProto.INT)
    listed = attribute.type in (AttributeProto.FLOATS, AttributeProto.INTS) and len(attribute.ints) <= MOST_AXES
    if not (scalar or listed) or not np.isfinite(numbers).all():
        raise RefusedError(
            Code.ONNX_ATTRIBUTE, path, f"attribute {attribute.name!r}"[:80], "one finite number, or axes"
        )


def _check_weights(path: Path, graph: onnx.GraphProto) -> None:
    left = MOST_WEIGHTS
    for tensor in graph.initializer:
        place, dims = f"{path}: {tensor.name[:80]}", list(tensor.dims)
        if tensor.data_type != TensorProto.FLOAT:
            raise RefusedError(Code.ONNX_DTYPE, place, f"data type {tensor.data_type}", "float32")
        if len(dims) > MOST_AXES or any(size < 1 for size in dims):
            raise RefusedError(Code.ONNX_TENSOR, place, f"shape {dims[:8]}", f"at most {MOST_AXES} axes, none empty")
        left -= prod(dims)
        if left < 0:
            raise RefusedError(Code.ONNX_SIZE, place, f"shape {dims}", f"at most {MOST_WEIGHTS} weights in all")
        if len(tensor.raw_data) != 4 * prod(dims):
            raise RefusedError(Code.ONNX_TENSOR, place, f"{len(tensor.raw_data)} bytes", f"{4 * prod(dims)} for {dims}")
        if not np.isfinite(np.frombuffer(tensor.raw_data, "<f4")).all():
            raise RefusedError(Code.ONNX_NOT_FINITE, place, "NaN or infinity", "finite weights")


def _check_values(path: Path, model: onnx.ModelProto) -> None:
    """ONNX's own checker, then the shape of every value that a node makes: known, float32 and bounded."""
    try:
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    except Exception as error:  # the checker's own errors share no class
        raise RefusedError(Code.ONNX_CHECKER, path, str(error).splitlines()[0], "a valid ONNX model") from error
    known = {value.name: value for value in (*inferred.value_info, *inferred.output)}
    for name in (name for node in inferred.node for name in node.output if name):
        shape = _shape(known[name]) if name in known else None
        if shape is None or prod(shape) > MOST_VALUES:
            expected = f"a known shape of float32, at most {MOST_VALUES} values"
            raise RefusedError(Code.ONNX_SHAPE, f"{path}: {name[:80]}", f"shape {shape}", expected)


def _shape(value: onnx.ValueInfoProto) -> Shape | None:
    """Sizes of a float32 value, if all of them are known and positive."""
    tensor = value.type.tensor_type
    sizes = [dimension.dim_value for dimension in tensor.shape.dim]
    known = tensor.elem_type == TensorProto.FLOAT and tensor.HasField("shape") and all(size > 0 for size in sizes)
    return sizes if known else None
