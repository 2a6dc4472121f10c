from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import graphs
import numpy as np
import pytest
from hypothesis import Phase, settings

from robocell_controller.bundle import CARD, CONTRACT, EVALUATION, GOLDEN, POLICY, SBOM, write_bundle
from robocell_controller.cell import CellConfig
from robocell_controller.config import load
from robocell_controller.golden import Golden
from robocell_controller.observer import BOUNDS
from robocell_controller.onnx_policy import OnnxPolicy
from robocell_controller.policy_contract import own_contract, training_envelope
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.canonical import json_bytes
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
    graph = graphs.tiny()
    policy = OnnxPolicy(Path("tiny.onnx"), graph)
    observations = np.random.default_rng(1).uniform(-BOUNDS, BOUNDS, (20, len(BOUNDS))).astype(np.float32)
    golden = Golden(observations, np.array([policy.act(observation) for observation in observations]))
    return {
        POLICY: graph,
        CONTRACT: json_bytes(
            own_contract(cell, "pick_place", training_envelope(np.stack([-BOUNDS, BOUNDS]))).model_dump()
        ),
        GOLDEN: golden.to_bytes(),
        EVALUATION: json_bytes({"success": None}),
        CARD: b"# tiny\n",
        SBOM: json_bytes({"bomFormat": "CycloneDX"}),
    }


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
