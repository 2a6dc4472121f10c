"""A learned policy as an ONNX graph, on one thread: NumPy runs a chain of dense layers, ONNX Runtime all others."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robocell_controller.bundle.dense import dense
from robocell_controller.bundle.runtime import onnxruntime
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.path.observer import OBSERVATION_SIZE
from robocell_controller.trust.refusals import Code, RefusedError

INPUT, OUTPUT = "observation", "action"
INTERFACE = ({INPUT: [1, OBSERVATION_SIZE]}, {OUTPUT: [1, ACTION_SIZE]})  # inputs, outputs
_EXPECTED = f"one graph '{INPUT}' float [1, {OBSERVATION_SIZE}] -> '{OUTPUT}' float [1, {ACTION_SIZE}]"


class OnnxPolicy:
    """Normalisation, network, squashing and action scaling are all inside the graph. Not thread-safe."""

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        """Starts the session.

        Args:
            path: the ONNX file; it must hold all its weights.
            content: the file's bytes where they were read (and checked) already.

        Raises:
            RefusedError: not readable, not a graph that ONNX Runtime runs, or other inputs and outputs.
        """
        try:
            content = path.read_bytes() if content is None else content
            self._session = onnxruntime.InferenceSession(content, _options(), ["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a class of its own for each status code
            raise RefusedError(Code.ONNX_RUNTIME, path, _first_line(error), _EXPECTED) from error
        found = {node.name: node.shape for node in self._session.get_inputs() + self._session.get_outputs()}
        types = {node.type for node in self._session.get_inputs() + self._session.get_outputs()}
        if found != INTERFACE[0] | INTERFACE[1] or types != {"tensor(float)"}:
            raise RefusedError(
                Code.ONNX_INTERFACE, path, f"a graph with {found} of {', '.join(sorted(types))}", _EXPECTED
            )
        self._dense = dense(content)
        if self._dense is None:
            self._bind()

    def act(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Action, shape [5], in [-1, 1], for one observation, shape [OBSERVATION_SIZE].

        Raises:
            InputError: an observation of another shape or type, or with NaN or infinity in it.
        """
        _check(observation)
        if self._dense:
            return self._dense(observation)
        self._observation[0] = observation
        self._session.run_with_iobinding(self._binding)
        action: npt.NDArray[np.float32] = self._action[0].copy()
        return action

    def _bind(self) -> None:
        """Fixed places for input and output: in a paced loop, with cold caches, that takes off a third of the time."""
        self._observation = np.zeros((1, OBSERVATION_SIZE), dtype=np.float32)
        self._action = np.zeros((1, ACTION_SIZE), dtype=np.float32)
        self._binding = self._session.io_binding()
        for name, array, bind in (
            (INPUT, self._observation, self._binding.bind_input),
            (OUTPUT, self._action, self._binding.bind_output),
        ):
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _check(observation: npt.NDArray[np.float32]) -> None:
    if not isinstance(observation, np.ndarray) or observation.dtype != np.float32:
        found = getattr(observation, "dtype", type(observation).__name__)
        raise InputError("observation", f"{found}", "an array of float32")
    if observation.shape != (OBSERVATION_SIZE,):
        raise InputError("observation", f"shape {list(observation.shape)}", f"shape [{OBSERVATION_SIZE}]")
    # The sum of squares is the quicker look.
    if not math.isfinite(observation.dot(observation)) and not np.isfinite(observation).all():
        index = int(np.flatnonzero(~np.isfinite(observation))[0])
        raise InputError(f"observation[{index}]", str(observation[index]), "finite numbers")


def _options() -> Any:
    """One thread that does not spin: the pool's wake-ups cost more than such a small net, and jitter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is raised
    return options


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
