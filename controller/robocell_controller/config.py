"""Configs: YAML files checked by schemas, found by path or by their name among the shipped ones.

A name with a suffix or a slash is a path, relative to the file that names it (on the command line: to the working
directory); any other is that of a shipped config.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from robocell_controller.errors import InputError
from robocell_controller.yaml_core import Keys, dotted, find
from robocell_controller.yaml_core import read_yaml as read_yaml

# Keys whose texts name other configs, and of what kind.
_NAMED = {
    "robot": "robots",
    "guard": "guards",
    "recipe": "recipes",
    "variant": "parts",
    "cell": "cells",
    "also": "cells",
    "changes": "changes",
    "conditions": "changes",
    "suites": "suites",
    "extends": "agents",  # in a study's recipes; at top level it is the file's own kind
}
_SHOWN = 100  # characters of a value in an error
_FREE = ("contestants", "settings")  # what is in there has keys of its own
Content = dict[str, Any]


class Config(BaseModel):
    """Base of every schema: immutable, no unknown keys, no silent conversion of strings to numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


C = TypeVar("C", bound=Config)


def default_names(kind: str) -> list[str]:
    """Names of the shipped configs of one kind (a folder of ``configs/``)."""
    folder = files("robocell_configs") / kind
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def locate(kind: str, name_or_path: str | Path) -> Path:
    """Path of a config given as a file, or as the name of a shipped one of that kind.

    Raises:
        InputError: there is no such file or no such shipped config.
    """
    name = str(name_or_path)
    path = Path(name) if _is_path(name) else Path(str(files("robocell_configs") / kind / f"{name}.yaml"))
    if not _is_file(path):
        raise InputError(name or "''", _missing(name), f"a YAML file or one of {', '.join(default_names(kind))}")
    return path


def read_config(kind: str, path: Path) -> Content:
    """The mapping in a config file, laid over the one of the same kind that its key ``extends`` names, if it does.

    Paths of other configs are absolute in it: it says the same wherever it is kept.

    Raises:
        InputError: this file or one that it extends can't be read, names what is not there, or extends itself.
    """
    content: Content = {}
    for file, own in reversed(_layers(kind, path)):
        content = merged(content, _resolved(own, file, ()))
    return content


def parse(schema: type[C], content: Content, source: str | Path) -> C:
    """Checks a mapping against a schema.

    Raises:
        InputError: names the source, the first offending key, its value and what was expected.
    """
    return _checked(schema, content, lambda keys: f"{source}: {dotted(keys)}")


def load(schema: type[C], kind: str, name_or_path: str | Path) -> C:
    """Finds, reads and checks one config file.

    Raises:
        InputError: see :func:`read_config` and :func:`parse`; a bad value's file and line are those it was written in.
    """
    path = locate(kind, name_or_path)
    return _checked(schema, read_config(kind, path), lambda keys: _origin(kind, path, keys))


def merged(base: Content, changes: Content) -> Content:
    """``base`` with nested ``changes`` laid over it; lists are replaced whole."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _is_path(name: str) -> bool:
    return "\0" not in name and ("/" in name or os.sep in name or Path(name).suffix != "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for a file, or a folder that is closed
        return False


def _missing(name: str) -> str:
    """What there is instead of the config ``name``."""
    if not _is_path(name) and _is_file(Path(name)):
        return f"no shipped config (the file is ./{name})"
    return "a folder" if os.path.isdir(name) else "no such file"  # noqa: PTH112 - raises nothing


def _layers(kind: str, path: Path) -> list[tuple[Path, Content]]:
    """What a config file itself says and what each of those says that it extends, in turn."""
    layers: list[tuple[Path, Content]] = []
    next_one: Path | None = path
    while next_one:
        content = read_yaml(next_one)
        layers.append((next_one, content))
        next_one = _extended(kind, next_one, content)
        if next_one and any(next_one.samefile(file) for file, _ in layers):
            raise InputError(f"{layers[-1][0]}: extends", f"{next_one} again", "a file that does not extend this one")
    return layers


def _extended(kind: str, file: Path, content: Content) -> Path | None:
    """Takes the key ``extends`` out of what a file says; the file that it names, if there is one."""
    if "extends" not in content:
        return None
    name = content.pop("extends")
    if not isinstance(name, str):
        raise InputError(f"{file}: extends", repr(name), "the name or the file of a config")
    return locate(kind, _named(kind, name, file, ("extends",)))


def _resolved(value: Any, file: Path, keys: Keys, kind: str | None = None) -> Any:
    """What ``file`` says, with the names of other configs in it looked up; ``kind`` of config that a text names."""
    if isinstance(value, dict):
        content = dict(_entry(key, item, file, keys) for key, item in value.items())
        if len(content) < len(value):
            raise InputError(f"{file}: {dotted(keys)}", "one file under two names", "each cell once")
        return content
    if isinstance(value, list):
        return [_resolved(item, file, (*keys, index), kind) for index, item in enumerate(value)]
    return _named(kind, value, file, keys) if kind and isinstance(value, str) else value


def _entry(key: str, value: Any, file: Path, keys: Keys) -> tuple[str, Any]:
    if key in _FREE:
        return key, value
    if keys[-1:] == ("cells",) and isinstance(value, list):  # of a study: each with its suites
        return _named("cells", key, file, keys), _resolved(value, file, (*keys, key), "suites")
    return key, _resolved(value, file, (*keys, key), _NAMED.get(key))


def _named(kind: str, name: str, file: Path, keys: Keys) -> str:
    """The name of a config that is there, as ``file`` means it: a path is made absolute."""
    meant = os.path.realpath(file.parent / name) if _is_path(name) else name
    try:
        locate(kind, meant)
    except InputError as error:
        _, found, expected = error.arguments
        raise InputError(f"{file}: {dotted(keys)}", f"{name}: {found}", expected) from error
    return meant


def _checked(schema: type[C], content: Content, place: Callable[[Keys], str]) -> C:
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        errors = error.errors()  # a misspelt key is missing too; its own name is the better hint
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        if first["type"] == "extra_forbidden":
            raise InputError(place(first["loc"]), "unknown key", _known_keys(schema, first["loc"])) from error
        if first["type"] == "missing":
            raise InputError(place(first["loc"]), "missing", "a value") from error
        expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        apart = first["type"] == "value_error" and isinstance(first["input"], dict)
        found = "values that don't go together" if apart else repr(first["input"])[:_SHOWN]
        raise InputError(place(first["loc"]), found, expected) from error


def _origin(kind: str, path: Path, keys: Keys) -> str:
    """The key with the file that says something of it, or of what it belongs to, and the line there."""
    found = [(find(file, keys), file) for file, _ in _layers(kind, path)]
    (depth, line), file = max(found, key=lambda each: each[0][0])
    return f"{file}: {dotted(keys)}" + (f" (line {line})" if depth else "")


def _known_keys(schema: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for part in location[:-1]:
        field = schema.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return "only documented keys"
        schema = field.annotation
    return f"one of {', '.join(schema.model_fields)}"
