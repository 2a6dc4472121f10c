"""Certification in training: may it stop, because the policy is as reliable as it is to be?

A training tries again and again, and looks more than once in each attempt, so the chance to err is shared out among
all looks of all attempts: attempt ``k`` has 1 / (k (k + 1)) of it, which adds up to the whole, and its looks have equal
shares (Bonferroni). Each attempt has validation episodes of its own, which nothing else has looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from robocell_agents.seeds import episode_seeds
from robocell_agents.statistics import lower_bound
from robocell_agents.training_config import EvaluationConfig, TargetConfig
from robocell_agents.validation import Played, Score

_LOOKS = (1, 2, 4)  # times the fewest episodes that can certify


def certify(play: Callable[[list[int]], Played], config: EvaluationConfig, attempt: int) -> Score | None:
    """Plays until the target is certified or this attempt can't certify it any more.

    Args:
        play: plays one episode for each of the seeds.
        config: with a target.
        attempt: its number, from 1 on.

    Returns:
        The score over the attempt's episodes; None: not certified.
    """
    assert config.target
    chance, looks, seeds = _chance(config.target, attempt), _looks(config.target, attempt), _seeds(config, attempt)
    played = Played.none()
    for n in looks:
        played = played + play(seeds[len(played.success) : n])
        failures = n - int(np.sum(played.success))
        if lower_bound(n - failures, n, 1.0 - chance) >= config.target.success:
            return Score.over(played)
        if lower_bound(max(0, looks[-1] - failures), looks[-1], 1.0 - chance) < config.target.success:
            break  # not even without another failure
    return None


def _chance(target: TargetConfig, attempt: int) -> float:
    """To certify at one look of an attempt what is not so."""
    return (1.0 - target.confidence) / (attempt * (attempt + 1)) / len(_LOOKS)


def _looks(target: TargetConfig, attempt: int) -> list[int]:
    """Numbers of episodes after which an attempt looks; without a failure the first certifies."""
    fewest = math.ceil(math.log(_chance(target, attempt)) / math.log(target.success))
    return [times * fewest for times in _LOOKS]


def _seeds(config: EvaluationConfig, attempt: int) -> list[int]:
    """An attempt's episodes, after those of the validations, of the finalists and of the attempts before."""
    assert config.target
    start = config.episodes + config.final_episodes
    start += sum(_looks(config.target, before)[-1] for before in range(1, attempt))
    return episode_seeds("validation", start + _looks(config.target, attempt)[-1])[start:]
