"""Nothing is unpickled while a cell is driven: a pickle is a program, and whoever can slip one in owns the robot."""

from __future__ import annotations

import os
import sys
from typing import Any

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h


def forbid_unpickling() -> None:
    """From now on the process ends at once when something unpickles a name; nothing can catch that or undo it.

    Python raises the audit event before it looks the name up, in its C and its Python unpickler alike.
    """
    sys.addaudithook(_end_process)


def _end_process(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        name = ".".join(map(str, arguments))[:200]
        os.write(2, f"robocell: error: something tried to unpickle {name}: the process ends\n".encode())
        os._exit(EXIT_CODE)
