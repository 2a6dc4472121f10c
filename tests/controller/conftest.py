from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import graphs
import pytest
from hypothesis import Phase, settings
from tiny_bundle import tiny_files

from robocell_controller.bundle.bundle import write_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.signing import DEVELOPMENT, SigningKey, load_signing_key

# `make mutation` asks whether a test fails, not for its simplest case.
settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate], derandomize=True)

MANIFEST_FIELDS = {"name": "tiny", "version": "1", "created_by": {}, "parity": {"random": 0.0}}


@pytest.fixture(scope="session")
def cell() -> CellConfig:
    return load(CellConfig, "cells", "pick_place")


@pytest.fixture(scope="session")
def tiny_graph() -> Callable[..., bytes]:
    return graphs.tiny


@pytest.fixture(scope="session")
def bundle_files(cell: CellConfig) -> dict[str, bytes]:
    """Everything in a bundle but its manifest."""
    return tiny_files(cell)


@pytest.fixture(scope="session")
def signer() -> SigningKey:
    """This installation's development key."""
    anchors = load_anchors()
    return load_signing_key(anchors.ring, DEVELOPMENT, anchors.today)


@pytest.fixture
def make_bundle(bundle_files: dict[str, bytes], signer: SigningKey, tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle, with some files replaced, and returns its folder."""

    def make(name: str = "bundle", **changes: bytes) -> Path:
        folder = tmp_path / name
        replaced = {key.replace("_", "."): content for key, content in changes.items()}
        write_bundle(folder, {**bundle_files, **replaced}, MANIFEST_FIELDS, signer)
        return folder

    return make


@pytest.fixture
def bundle(make_bundle: Callable[..., Path]) -> Path:
    return make_bundle()
