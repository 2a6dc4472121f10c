from __future__ import annotations

from importlib.metadata import version
from typing import Any

from robocell_controller.trust.canonical import json_bytes
from robocell_controller.trust.sbom import bill_of_materials

ROOT = {"type": "application", "name": "robocell", "version": "1"}


def bill(*extras: str) -> dict[str, Any]:
    return bill_of_materials(ROOT, "robocell", frozenset(extras))


def test_the_bill_names_what_is_installed_directly_or_not() -> None:
    found = {component["name"]: component for component in bill()["components"]}
    assert found["numpy"]["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert "pydantic-core" in found  # which only pydantic asks for
    assert "robocell" not in found
    assert "stable-baselines3" not in found


def test_an_extra_brings_its_own() -> None:
    found = {component["name"] for component in bill("train")["components"]}
    assert {"stable-baselines3", "torch", "imageio-ffmpeg"} <= found  # the last through an extra of imageio
    assert "pytest" not in found


def test_the_same_installation_gives_the_same_bytes() -> None:
    first = bill("train")
    assert json_bytes(first) == json_bytes(bill("train"))
    names = [component["name"] for component in first["components"]]
    assert names == sorted(names)
    assert "timestamp" not in first["metadata"]
    assert (first["bomFormat"], first["specVersion"]) == ("CycloneDX", "1.6")


def test_a_local_version_is_a_valid_package_url() -> None:
    purls = [component["purl"] for component in bill("train")["components"]]
    assert not any("+" in purl for purl in purls)
