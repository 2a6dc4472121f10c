"""The bill of materials: what something was made with or runs on, as CycloneDX 1.6 JSON without a clock in it."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

_NEEDED = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def bill_of_materials(root: dict[str, Any], distribution: str, extras: frozenset[str]) -> dict[str, Any]:
    """A bill of what ``distribution`` with ``extras`` brings along, as far as it is installed here.

    Args:
        root: the component that the bill is about, in CycloneDX's words.
        distribution: name of an installed package.
        extras: its extras.
    """
    found = _installed(distribution, extras)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root},
        "components": [_component(name, found[name]) for name in sorted(found)],
    }


def _component(name: str, version: str) -> dict[str, str]:
    purl = f"pkg:pypi/{name.replace('_', '-')}@{version.replace('+', '%2B')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _installed(root: str, extras: frozenset[str]) -> dict[str, str]:
    """Version of each package that ``root`` needs, directly or not, and that is installed."""
    found: dict[str, str] = {}
    left, seen = [(root, extras)], set()
    while left:
        name, wanted = item = left.pop()
        if item in seen:
            continue
        seen.add(item)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        for requirement in distribution.requires or ():
            extra = _EXTRA.search(requirement)
            if extra is None or extra[1] in wanted:
                left.append(_needed(requirement))
    found.pop(root, None)
    return found


def _needed(requirement: str) -> tuple[str, frozenset[str]]:
    match = _NEEDED.match(requirement)
    assert match is not None
    extras = (extra.strip() for extra in (match[2] or "").split(","))
    return match[1].lower().replace("_", "-"), frozenset(filter(None, extras))
