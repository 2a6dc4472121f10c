from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robocell_controller.bundle.bundle import resign
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.signing import DEVELOPMENT, load_signing_key


@pytest.fixture
def development_bundle(tmp_path: Path) -> Path:
    """The released policy, signed with this installation's development key."""
    folder = tmp_path / "developed"
    shutil.copytree(Path(__file__).parents[2] / "results" / "policies" / "pick_place", folder)
    anchors = load_anchors()
    resign(folder, load_signing_key(anchors.ring, DEVELOPMENT, anchors.today))
    return folder
