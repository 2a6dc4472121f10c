"""YAML by the core schema of YAML 1.2, read strictly: a file means what it says, or is refused.

``010`` is 10, ``1e-4`` a number, ``yes`` and ``12:30`` are texts; a key stands once in its section, and is a text.
What :func:`to_yaml` writes reads back as it was.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from robocell_controller.errors import InputError

try:
    from yaml import CSafeLoader as _Parser  # written in C it takes a tenth of the time
except ImportError:
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

_MOST_BYTES = 1_000_000
_MOST_VALUES = 100_000  # with aliases written out: a few lines of them can stand for billions
_DEEPEST = 50  # sections in sections
_TAG = "tag:yaml.org,2002:"
_CORE = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": r"<<",  # of YAML 1.1, kept: sections share what they have in common
}
_PATTERNS = {f"{_TAG}{name}": re.compile(rf"(?:{pattern})\Z") for name, pattern in _CORE.items()}
Keys = tuple[int | str, ...]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; what several aliases share is made anew for each.

    Raises:
        InputError: unreadable, too large, not YAML, not a mapping, or not of the core schema; names the line.
    """
    root = _root(path)
    if not isinstance(root, MappingNode):
        raise InputError(path, _kind(root), "a mapping of keys to values")
    content: dict[str, Any] = _Values(path).value(root, ())
    return content


def find(path: Path, keys: Keys) -> tuple[int, int]:
    """How many of ``keys`` lead on into the file, and the line in which the last of them stands."""
    node, depth, line = _root(path), 0, 1
    for key in keys:
        entries = _entries(node).get(str(key))
        if entries is None:
            break
        (name, node), depth = entries, depth + 1
        line = name.start_mark.line + 1
    return depth, line


def dotted(keys: Keys) -> str:
    """``keys`` as errors name them."""
    return ".".join(map(str, keys)) or "top level"


def to_yaml(content: dict[str, Any]) -> str:
    """YAML text of plain values, keys in their order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)


class _CoreSchema:
    """Which plain scalars are no texts; for reading and for writing."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {None: list(_PATTERNS.items())}


class _Loader(_CoreSchema, _Parser):
    """Makes nodes, and no more of them in each other than a parser in C has room for."""

    _depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self._depth += 1
        if self._depth > 2 * _DEEPEST:
            raise yaml.YAMLError(f"more than {_DEEPEST} sections in each other")

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Dumper(_CoreSchema, yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Values:
    """Makes values of nodes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = _MOST_VALUES

    def value(self, node: Node, keys: Keys) -> Any:
        """The value of the node that ``keys`` lead to."""
        self._left -= 1
        if self._left < 0 or len(keys) > _DEEPEST:
            found = f"line {_line(node)}: more than {_MOST_VALUES} values, or {_DEEPEST} sections in each other"
            raise InputError(self._path, found, "fewer, with all aliases written out")
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, keys)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*keys, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, keys)
        raise self._refusal(node, keys, f"the tag {_tag(node)}", "a plain mapping or list")

    def _mapping(self, node: MappingNode, keys: Keys) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for name, item in node.value:
            key, is_merge = self._key(name, keys), name.tag == f"{_TAG}merge"
            if key in lines:
                found = f"twice, in lines {lines[key]} and {_line(name)}"
                raise InputError(self._place((*keys, key)), found, "each key once in its section")
            lines[key] = _line(name)
            if is_merge:
                merged = self._merged(item, (*keys, key))
            else:
                own[key] = self.value(item, (*keys, key))
        return {**merged, **own}

    def _merged(self, node: Node, keys: Keys) -> dict[str, Any]:
        """What ``<<`` brings: a mapping, or several, of which the first counts most."""
        content = self.value(node, keys)
        sections = content if isinstance(content, list) else [content]
        if not all(isinstance(section, dict) for section in sections):
            raise self._refusal(node, keys, repr(content), "a mapping, or a list of them")
        return {key: value for section in reversed(sections) for key, value in section.items()}

    def _key(self, node: Node, keys: Keys) -> str:
        if isinstance(node, ScalarNode) and node.tag in (f"{_TAG}str", f"{_TAG}merge"):
            return str(node.value)
        found = f"the key {node.value}" if isinstance(node, ScalarNode) else "a key that is a list or a mapping"
        raise self._refusal(node, keys, found, "a text; in quotes if it looks like something else")

    def _scalar(self, node: ScalarNode, keys: Keys) -> Any:
        pattern, text = _PATTERNS.get(node.tag), str(node.value)
        if node.tag == f"{_TAG}str":
            return text
        if pattern is None or not pattern.match(text) or node.tag == f"{_TAG}merge":
            raise self._refusal(
                node, keys, f"{text!r} with the tag {_tag(node)}", "a value without a tag, or in quotes"
            )
        try:
            return _CONSTRUCT[node.tag](text)
        except ValueError as error:
            raise self._refusal(node, keys, f"{text:.12}…, {len(text)} characters", "a number of usual size") from error

    def _refusal(self, node: Node, keys: Keys, found: str, expected: str) -> InputError:
        return InputError(self._place(keys), f"line {_line(node)}: {found}", expected)

    def _place(self, keys: Keys) -> str:
        return f"{self._path}: {dotted(keys)}" if keys else str(self._path)


def _integer(text: str) -> int:
    """Raises ValueError for thousands of digits."""
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    """Raises ValueError for what would silently be infinite."""
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if math.isinf(number) and "n" not in text.lower():
        raise ValueError
    return number


_CONSTRUCT = {
    f"{_TAG}null": lambda text: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": _integer,
    f"{_TAG}float": _float,
}


def _root(path: Path) -> Node | None:
    """The file's only document as nodes; None of an empty one."""
    text = _text(path)
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        found = " ".join(filter(None, (error.context, error.problem)))
        raise InputError(path, f"{where}{found}", "one document of valid YAML") from error
    except yaml.YAMLError as error:
        raise InputError(path, str(error), "one document of valid YAML") from error
    finally:
        if loader:
            loader.dispose()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputError(path, f"more than {_MOST_BYTES} bytes", "a smaller file")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "a readable text file") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 ({error.reason} at byte {error.start})", "a text file in UTF-8") from error


def _entries(node: Node | None) -> dict[str, tuple[Node, Node]]:
    """Name and value of what a node holds, by key or index."""
    if isinstance(node, MappingNode):
        return {str(name.value): (name, value) for name, value in node.value}
    return {str(index): (item, item) for index, item in enumerate(node.value)} if isinstance(node, SequenceNode) else {}


def _kind(node: Node | None) -> str:
    if node is None:
        return "nothing in it"
    return f"line {_line(node)}: a {'list' if isinstance(node, SequenceNode) else 'single value'} at top level"


def _tag(node: Node) -> str:
    return str(node.tag).replace(_TAG, "!!")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
