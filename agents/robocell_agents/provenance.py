"""Provenance: what a result was made with, so that someone else can make it again."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from robocell_agents.saved_files import SavedFiles, saved_files

_PACKAGES = (
    "robocell",
    "numpy",
    "gymnasium",
    "pybullet",
    "pin",
    "stable_baselines3",
    "sb3_contrib",
    "sbx-rl",
    "torch",
    "onnx",
    "onnxruntime",
    "optuna",
    "ruckig",
    "scipy",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the main packages; one that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, the cores this process may use, memory (GB) and operating system."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def git_state(folder: Path | None = None) -> dict[str, Any]:
    """Commit of the checkout that ``folder`` belongs to, and whether files differ from it.

    Args:
        folder: a tracked folder; the one of this package when left out. A package installed into an untracked
            folder of some repository has no commit of its own.

    Returns:
        ``commit`` (None outside of git) and ``dirty`` (None outside of git).
    """
    folder = folder or Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD") if _git(folder, "ls-files", ".") else None
    if not commit:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def record(**effort: float) -> dict[str, Any]:
    """What every published document says of how it was made; ``effort`` is added to the hardware."""
    return {
        "command": command(),
        "versions": versions(),
        "hardware": {**hardware(), **effort},
        "git": git_state(),
    }


def command() -> str:
    """This process's command line as one would type it, without paths of this machine."""
    name = Path(sys.argv[0]).name
    program = ["robocell"] if name in ("robocell", "__main__.py", "-c", "") else ["python", name]
    return shlex.join(program + [portable(argument) for argument in sys.argv[1:]])


def portable(argument: str) -> str:
    """A command-line argument (``PATH`` or ``--option=PATH``) without what only this machine has."""
    if (files := saved_files(argument)) and files.normaliser:
        return str(SavedFiles(*(Path(portable(str(path))) for path in files.all)))
    option, equals, value = argument.rpartition("=")
    path = Path(value)
    if not path.is_absolute():
        return argument
    inside = path.is_relative_to(Path.cwd())
    return f"{option}{equals}{path.relative_to(Path.cwd()) if inside else path.name}"


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command, or None when there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
