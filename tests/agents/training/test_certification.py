"""A training ends when its target is certified, and seldom when it should not be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robocell_agents.acting import run_folder
from robocell_agents.acting.demonstrations import Played
from robocell_agents.acting.training_config import EvaluationConfig
from robocell_agents.statistics import lower_bound
from robocell_agents.training.certification import certify
from robocell_agents.training.train import train
from robocell_agents.training.validation import Score

TARGET = {"success": 0.9, "confidence": 0.8}
CONFIG = EvaluationConfig.model_validate(
    {"episodes": 10, "every_steps": 1, "finalists": 1, "final_episodes": 5, "target": TARGET}
)


class Policy:
    """Succeeds in a share of its episodes, at random."""

    def __init__(self, success: float, seed: int = 0) -> None:
        self._success, self._stream = success, np.random.default_rng(seed)
        self.seeds: list[int] = []

    def __call__(self, seeds: list[int]) -> Played:
        self.seeds += seeds
        return Played(self._stream.random(len(seeds)) < self._success, np.ones(len(seeds)))


class FailsAt(Policy):
    """Fails in the episodes of these numbers alone."""

    def __init__(self, *numbers: int) -> None:
        super().__init__(1.0)
        self._numbers = set(numbers)

    def __call__(self, seeds: list[int]) -> Played:
        first = len(self.seeds)
        self.seeds += seeds
        success = [number not in self._numbers for number in range(first, len(self.seeds))]
        return Played(np.array(success), np.ones(len(seeds)))


def certified_seeds(attempt: int) -> list[int]:
    """What a policy that never fails plays."""
    perfect = Policy(1.0)
    certify(perfect, CONFIG, attempt)
    return perfect.seeds


def test_without_a_failure_as_few_episodes_certify_as_the_attempts_share_of_the_error_allows() -> None:
    for attempt, share in ((1, 2), (2, 6), (3, 12)):
        policy = Policy(1.0)
        score = certify(policy, CONFIG, attempt)
        assert score is not None and score.n == len(policy.seeds)
        needed = math.log(share / (1.0 - TARGET["confidence"])) / math.log(0.98 / 0.9)  # against 5 times fewer failures
        assert needed <= score.n < 1.2 * needed + 4


def test_a_failure_has_to_be_made_good_by_its_weight_in_successes() -> None:
    weight = math.log(5.0) / math.log(0.98 / 0.9)
    perfect, once = certify(Policy(1.0), CONFIG, 1), certify(FailsAt(3), CONFIG, 1)
    assert perfect and once and abs(once.n - perfect.n - weight) < 10


def test_a_hopeless_attempt_is_given_up_early() -> None:
    policy, perfect = Policy(0.5), Policy(1.0)
    assert certify(policy, CONFIG, 1) is None and certify(perfect, CONFIG, 1)
    assert len(policy.seeds) < len(perfect.seeds) / 2


def test_an_attempt_that_comes_to_nothing_ends() -> None:
    policy = FailsAt(*range(0, 10_000, 19))  # evidence goes up and down
    assert certify(policy, CONFIG, 1) is None
    assert len(policy.seeds) <= 5 * len(certified_seeds(1))


def test_no_episode_counts_for_two_attempts_or_for_a_validation_too() -> None:
    attempts = []
    for attempt in (1, 2, 3):
        policy = Policy(0.95, seed=attempt)
        certify(policy, CONFIG, attempt)
        attempts.append(set(policy.seeds))
    assert attempts[0].isdisjoint(attempts[1]) and attempts[1].isdisjoint(attempts[2])
    assert min(attempts[0]) == 2_000_000 + CONFIG.episodes + CONFIG.final_episodes


def test_a_policy_below_the_target_is_seldom_certified_in_many_attempts() -> None:
    trainings = 300
    wrong = 0
    for seed in range(trainings):
        policy = Policy(TARGET["success"] - 1e-6, seed)
        wrong += any(certify(policy, CONFIG, attempt) for attempt in range(1, 8))
    assert 0 < wrong <= (1.0 - TARGET["confidence"]) * trainings
    assert all(certify(Policy(0.99, seed), CONFIG, 1) for seed in range(20))


def test_training_ends_with_the_certified_policy(tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "extends": "residual",
        "n_envs": 2,
        "subprocesses": False,
        "total_steps": 100_000,
        "critic_warmup_rollouts": 4,
        "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
        "evaluation": {"episodes": 2, "every_steps": 64, "target": {"success": 0.5, "confidence": 0.5}},
    }
    path, run = tmp_path / "agent.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert train(str(path), 0, run, resume=False, workers=1) == 0
    certified = run_folder.read_run(run)["certified"]
    rows = run_folder.read_progress(run)
    assert [row["stage"] for row in rows][-2:] == ["ppo", "certified"] and rows[-1]["steps"] < 1000
    assert certified["wall_s"] == rows[-1]["wall_s"] and certified["success"] == 0.5
    score = Score.of(certified["score"])
    assert score is not None and lower_bound(round(score.success * score.n), score.n, 0.5) >= 0.5
    assert (run / "policy.zip").read_bytes() == (run / "certified.zip").read_bytes()
