"""What runs on the cell's computer: no torch, no simulator, nothing that unpickles.

Lowest first: the words in this folder, then arm, path, guard, cell, machine, trust, bundle, loop, rollout, processes,
commands. A room imports rooms before it in this list, never one behind it; a test holds that.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else ONNX Runtime leaves a file for it in the temporary folder
