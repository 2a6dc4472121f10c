"""What can be read from what a policy sees, and what it does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from robocell_agents.acting.demonstrations import action_from, last_hidden
from robocell_agents.evaluation.probe import policy_layers, readable, so_far
from robocell_agents.studies.adaptation import Told, adaptation_study, probes
from robocell_agents.studies.adaptation_report import adaptation_files, adaptation_table
from robocell_controller.bundle.bundle import load_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_controller.path.observer import OBSERVATION_SIZE

ROOT = Path(__file__).parents[3]
BUNDLE = str(ROOT / "results/policies/adaptive")


def _file(folder: Path, **keys: Any) -> Path:
    content = {
        "policy": BUNDLE,
        "cell": "pick_place",
        "varied": {"simulation": {"part": {"density_kg_m3": [700.0, 2200.0]}}},
        "conditions": ["heavier"],
        "episodes": {"probes": 12, "conditions": 3},
        "seeds": "tuning",
        "out": str(folder / "out"),
        **keys,
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_layers_of_a_bundle_do_what_the_bundle_does() -> None:
    cell = load(CellConfig, "cells", "pick_place")
    layers, policy = policy_layers(BUNDLE, cell), load_bundle(Path(BUNDLE), cell).policy
    for observation in np.random.default_rng(0).uniform(-1, 1, (20, OBSERVATION_SIZE)).astype(np.float32):
        hidden = last_hidden(layers, observation)
        action = action_from(layers, hidden)
        assert action == pytest.approx(policy.act(observation), abs=1e-5) and hidden.shape == (len(layers[-1][0][0]),)


def test_a_probe_reads_what_is_there_and_nothing_else() -> None:
    stream = np.random.default_rng(1)
    features, noise = stream.standard_normal((400, 20)), stream.standard_normal(400)
    assert readable(features, features @ np.arange(20.0)) > 0.95
    assert readable(features, features[:, 0] + noise) == pytest.approx(0.5, abs=0.1)
    assert readable(features, noise) == 0.0


def test_what_is_told_late_is_read_late() -> None:
    stream = np.random.default_rng(2)
    told = []
    for mass in stream.uniform(0.1, 0.4, 200):
        seen = stream.standard_normal((10, 3)).astype(np.float32)
        seen[6:, 1] = mass
        told.append(Told(seen, seen[:, :1], {"mass": mass, "same": 1.0}, grip=5))
    found = probes(told, 0.04)
    assert found["times_s"] == [0.0, 0.08, 0.16, 0.24, 0.32] and found["grip_s"] == 0.2
    assert list(found["r2"]) == ["mass"]
    assert found["r2"]["mass"]["seen"][0] < 0.1 and found["r2"]["mass"]["seen"][3] > 0.9
    assert max(found["r2"]["mass"]["computed"]) < 0.1


def test_an_episode_that_is_over_stays_at_its_end() -> None:
    short, long = np.array([[1.0], [3.0]], dtype=np.float32), np.array([[0.0], [0.0], [6.0]], dtype=np.float32)
    assert so_far([short, long], 2).tolist() == [[2.0, 3.0], [2.0, 6.0]]


def test_a_study_writes_results_and_picture(tmp_path: Path) -> None:
    document, out = adaptation_study(_file(tmp_path), 1)
    assert list(document["conditions"]) == ["nominal", "heavier"]
    behaviour = document["conditions"]["heavier"]
    assert behaviour["guided"]["success"] == 1.0 and behaviour["policy"]["grip_force_n"]["median"] > 0.0
    assert document["probes"]["grip_s"] > 0.2 and next(iter(document["probes"]["r2"])) == "mass of the part"
    assert "friction of part and pads" in document["probes"]["r2"] and len(document["probes"]["r2"]) == 2
    ((path, text),) = adaptation_files(out).items()
    assert path.read_text(encoding="utf-8") == text and "commanded grip force, N" in text
    assert adaptation_table(document).row_count == 2


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"policy": "no/such/policy"}, "no/such/policy"),
        ({"varied": {"simulation": {"part": {"density_kg_m3": [700.0, 99000.0]}}}}, "varied"),
        ({"conditions": ["heavyer"]}, "heavyer"),
        ({"episodes": {"probes": 0, "conditions": 3}}, r"episodes\.probes"),
    ],
)
def test_bad_studies_are_named(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        adaptation_study(_file(tmp_path, **keys), 1)
    assert not (tmp_path / "out").exists()
