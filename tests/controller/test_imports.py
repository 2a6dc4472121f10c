from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "robocell_controller": ROOT / "controller" / "robocell_controller",
    "robocell_envs": ROOT / "envs" / "robocell_envs",
    "robocell_agents": ROOT / "agents" / "robocell_agents",
}
ORDER = list(PACKAGES)  # each may import itself and what stands before it
FORBIDDEN = ("torch", "jax", "stable_baselines3", "sb3_contrib", "sbx", "pybullet", "gymnasium")
PICKLING = ("pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
NETWORK = ("socket", "socketserver", "ssl", "asyncio", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "requests")

CHECK = """
import importlib, pkgutil, sys
import robocell_controller
for module in pkgutil.walk_packages(robocell_controller.__path__, "robocell_controller."):
    importlib.import_module(module.name)
print(*sorted(name.split(".")[0] for name in sys.modules))
"""


def sources(package: str) -> list[Path]:
    found = sorted(PACKAGES[package].rglob("*.py"))
    assert found
    return found


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    later = ORDER[ORDER.index(package) + 1 :]
    for path in sources(package):
        for name in imports(path):
            assert name.split(".")[0] not in later, f"{path.name} imports {name}"


def test_the_controller_loads_no_learner_and_no_simulator() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded  # the check has really imported the modules
    assert loaded.isdisjoint(FORBIDDEN)


def test_the_controller_unpickles_nothing() -> None:
    for path in sources("robocell_controller"):
        assert not {name.split(".")[0] for name in imports(path)} & set(PICKLING), path.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert keywords.get("allow_pickle") == "False", path.name


def test_the_controller_opens_no_connection() -> None:
    for path in sources("robocell_controller"):
        assert not {name.split(".")[0] for name in imports(path)} & set(NETWORK), path.name


def test_the_command_line_starts_without_its_heavy_libraries() -> None:
    code = "import sys, robocell_controller.commands.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "onnxruntime", "pydantic", "rich.progress"}.isdisjoint(done.stdout.split())
