from __future__ import annotations

import json

import pytest

from robocell_agents.bench.physics import PHYSICS_COLUMNS, bench_physics, physics_rows


@pytest.fixture(scope="module")
def document():
    return bench_physics(cycles=3, loads=2, workers=1)


def test_replays_are_compared_cycle_by_cycle(document):
    same = sum(row["outcome"] == row["reference_outcome"] for row in document["cycles"])
    assert document["replay"]["same_outcome"]["rate"] == pytest.approx(same / 3)
    assert document["replay"]["penetration_m"] == max(row["penetration_m"] for row in document["cycles"])
    assert len({row["seed"] for row in document["cycles"]}) == 3 and "placed" in {
        row["outcome"] for row in document["cycles"]
    }


def test_loads_are_held_or_lost(document):
    assert document["hold"]["infeasible_slipped"] == 1.0
    assert 0.0 <= document["hold"]["slip_m"]["median"] < 0.001


def test_poses_as_the_standard_lays_them(document):
    assert len(document["poses"]) == 5
    assert all(0.0 <= pose["repeatability_m"] < 1e-4 and pose["accuracy_m"] < 3e-3 for pose in document["poses"])


def test_the_document_is_json_and_fills_its_table(document):
    assert json.loads(json.dumps(document)) == document
    assert all(len(row) == len(PHYSICS_COLUMNS) for row in physics_rows(document))
