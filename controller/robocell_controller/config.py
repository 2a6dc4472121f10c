"""Configs: YAML files checked by schemas, found by path or by their name among the installed defaults."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from robocell_controller.errors import InputError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language; written in C it takes a tenth of the time


class Config(BaseModel):
    """Base of every schema: immutable, no unknown keys, no silent conversion of strings to numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


C = TypeVar("C", bound=Config)


def default_names(kind: str) -> list[str]:
    """Names of the default configs of one kind (a folder of ``configs/``)."""
    folder = files("robocell_configs") / kind
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def locate(kind: str, name_or_path: str | Path) -> Path:
    """Path of a config given as a file, or as the name of a default of that kind.

    Raises:
        InputError: there is neither such a file nor such a default.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    name = str(name_or_path)
    if path.suffix == "" and name in default_names(kind):
        return Path(str(files("robocell_configs") / kind / f"{name}.yaml"))
    raise InputError(path, "no such file", f"a YAML file or one of {', '.join(default_names(kind))}")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: unreadable, not YAML, or not a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, str(error), "a readable text file") from error
    except yaml.YAMLError as error:
        raise InputError(path, str(error), "valid YAML") from error
    if not isinstance(content, dict):
        raise InputError(path, f"{type(content).__name__} at top level", "a mapping of keys to values")
    return content


def read_config(kind: str, path: Path) -> dict[str, Any]:
    """The mapping in a config file, laid over the one of the same kind that its key ``extends`` names, if it does.

    Raises:
        InputError: this file or one that it extends can't be read, or extends itself.
    """
    content, chain = read_yaml(path), [path]
    while "extends" in content:
        parent = locate(kind, str(content.pop("extends")))
        if parent in chain:
            raise InputError(f"{path}: extends", f"{parent} again", "a file that does not extend this one")
        chain.append(parent)
        content = merged(read_yaml(parent), content)
    return content


def parse(schema: type[C], content: dict[str, Any], source: str | Path) -> C:
    """Checks a mapping against a schema.

    Raises:
        InputError: names the source, the first offending key, its value and what was expected.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        errors = error.errors()  # a misspelt key is missing too; its own name is the better hint
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        if first["type"] == "extra_forbidden":
            raise InputError(f"{source}: {key}", "unknown key", _known_keys(schema, first["loc"])) from error
        if first["type"] == "missing":
            raise InputError(f"{source}: {key}", "missing", "a value") from error
        raise InputError(f"{source}: {key}", repr(first["input"]), first["msg"]) from error


def load(schema: type[C], kind: str, name_or_path: str | Path) -> C:
    """Finds, reads and checks one config file."""
    path = locate(kind, name_or_path)
    return parse(schema, read_config(kind, path), path)


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with nested ``changes`` laid over it; lists are replaced whole."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _known_keys(schema: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for part in location[:-1]:
        field = schema.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return "only documented keys"
        schema = field.annotation
    return f"one of {', '.join(schema.model_fields)}"
