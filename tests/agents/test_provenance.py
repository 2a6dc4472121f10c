from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from robocell_agents import provenance
from robocell_agents.seeds import FIRST_SEED, RANGE, episode_seeds
from robocell_controller.errors import InputError


def test_command_has_no_paths_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    inside, outside = tmp_path / "runs" / "a", Path.home() / "elsewhere" / "b"
    monkeypatch.setattr(sys, "argv", ["/opt/bin/robocell", "train", f"--out={inside}", str(outside), "two words"])
    assert provenance.command() == "robocell train --out=runs/a b 'two words'"


def test_outside_of_git_there_is_no_commit(tmp_path):
    assert provenance.git_state(tmp_path) == {"commit": None, "dirty": None}


def test_versions_name_the_packages_that_matter():
    assert {"python", "robocell", "numpy", "pybullet", "torch"} <= provenance.versions().keys()


def test_seed_ranges_are_disjoint_and_leave_the_first_to_training():
    firsts = sorted(FIRST_SEED.values())
    assert firsts[0] >= RANGE and all(b - a >= RANGE for a, b in pairwise(firsts))
    assert episode_seeds("test", 3) == [3_000_000, 3_000_001, 3_000_002]


@pytest.mark.parametrize(("name", "n"), [("train", 5), ("test", 0), ("test", RANGE + 1)])
def test_bad_seeds_are_refused(name, n):
    with pytest.raises(InputError):
        episode_seeds(name, n)
