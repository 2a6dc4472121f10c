from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "robocell_controller": ROOT / "controller" / "robocell_controller",
    "robocell_envs": ROOT / "envs" / "robocell_envs",
    "robocell_agents": ROOT / "agents" / "robocell_agents",
}
ORDER = list(PACKAGES)  # each may import itself and what stands before it
# Of each package, lowest first: a room imports itself and what stands before it. ``""`` are the modules of no room:
# words that all share in controller and agents; in envs the environments themselves, on top.
ROOMS = {
    "robocell_controller": (
        *("", "arm", "path", "guard", "cell", "machine", "trust", "bundle", "loop", "rollout", "processes"),
        "commands",
    ),
    "robocell_envs": ("config", "scene", "engine", "tasks", "plant", ""),
    "robocell_agents": (
        *("", "suites", "acting", "evaluation", "training", "export", "tuning", "pages", "bench", "studies"),
        *("training_studies", "results", "commands"),
    ),
}
FORBIDDEN = ("torch", "jax", "stable_baselines3", "sb3_contrib", "sbx", "pybullet", "gymnasium")
PICKLING = ("pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
NETWORK = ("socket", "socketserver", "ssl", "asyncio", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "requests")

# What would write into a user's home or ask the network, were it imported just so, and the only file that may.
HELD_BACK = {
    "onnxruntime": PACKAGES["robocell_controller"] / "bundle" / "runtime.py",
    "matplotlib": PACKAGES["robocell_agents"] / "plotting.py",
}

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


def imported_modules(path: Path, package: str) -> Iterator[str]:
    """Modules of ``package`` that a file imports, also where it is for types only or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if is_module(whole) else node.module


def is_module(name: str) -> bool:
    place = PACKAGES[name.split(".")[0]].parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def room_of(module: str) -> str:
    """``cell`` of ``robocell_controller.cell.recipe`` and of ``robocell_controller.cell``; else ``""``."""
    package, *rest = module.split(".")
    return rest[0] if rest and (PACKAGES[package] / rest[0]).is_dir() else ""


def module_name(path: Path, package: str) -> str:
    parts = path.relative_to(PACKAGES[package]).with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.mark.parametrize("package", ORDER)
def test_every_folder_is_a_room_with_its_place_in_the_order(package: str) -> None:
    folders = {path.parent.name for path in PACKAGES[package].glob("*/*.py")}
    assert folders == set(ROOMS[package]) - {""}
    for room in folders:
        text = (
            ast.get_docstring(ast.parse((PACKAGES[package] / room / "__init__.py").read_text(encoding="utf-8"))) or ""
        )
        assert "\nUses " in text and "\nUsed by " in text, f"{room} does not say what it uses and who uses it"


@pytest.mark.parametrize("package", ORDER)
def test_no_room_imports_one_above_it(package: str) -> None:
    height = {room: floor for floor, room in enumerate(ROOMS[package])}
    for path in sources(package):
        name = module_name(path, package)
        for imported in imported_modules(path, package):
            assert height[room_of(imported)] <= height[room_of(name)], f"{name} imports {imported}"


@pytest.mark.parametrize("package", ORDER)
def test_no_imports_go_in_a_circle(package: str) -> None:
    paths = {module_name(path, package): path for path in sources(package)}
    graph = {
        name: {other for other in imported_modules(path, package) if other != name} for name, path in paths.items()
    }
    TopologicalSorter(graph).prepare()


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


@pytest.mark.parametrize("library", HELD_BACK)
def test_a_library_that_leaves_traces_is_imported_in_one_place(library: str) -> None:
    importing = [
        path
        for package in ORDER
        for path in sources(package)
        if library in {name.split(".")[0] for name in imports(path)}
    ]
    assert importing == [HELD_BACK[library]]


def test_ruckig_is_asked_for_no_way_points() -> None:
    # A trajectory through points between start and goal is computed by a server of its makers.
    for package in ORDER:
        for path in sources(package):
            assert "intermediate_positions" not in path.read_text(encoding="utf-8"), path.name


def test_the_command_line_starts_without_its_heavy_libraries() -> None:
    code = "import sys, robocell_controller.commands.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "onnxruntime", "pydantic", "rich.progress"}.isdisjoint(done.stdout.split())
