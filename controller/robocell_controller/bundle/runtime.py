"""ONNX Runtime without its telemetry. Ours import it from here only; a test holds that.

From 1.29 on it collects events under the user's home folder and sends them to Microsoft. It reads the variable once,
while it is imported: what is said later, to ``disable_telemetry_events`` too, comes after the first event.
"""

from __future__ import annotations

import os

VARIABLE = "ORT_DISABLE_TELEMETRY"

if not os.environ.get(VARIABLE):  # who has said 0 wants it
    os.environ[VARIABLE] = "1"

import onnxruntime  # noqa: E402

__all__ = ["VARIABLE", "onnxruntime"]
