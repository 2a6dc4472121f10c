"""Does training still learn? Minutes, not seconds: `make learn`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robocell_agents.evaluation.evaluate import evaluate
from robocell_agents.training.train import train


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_recipe_is_reliable_and_faster_than_the_guided_program(tmp_path: Path, seed: int) -> None:
    run = tmp_path / "run"
    assert train("pick_place", seed, run, resume=False) == 0
    policy = evaluate(str(run), "nominal", 200, "validation", workers=2)
    guided = evaluate("program:guided", "nominal", 200, "validation", workers=2)
    assert policy["success"]["rate"] >= 0.98
    assert policy["cycle_time_s"]["median"] <= 0.97 * guided["cycle_time_s"]["median"]
    rows = [json.loads(line) for line in (run / "progress.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["cycle_time_s"] < rows[0]["cycle_time_s"]  # reinforcement learning pays for itself
