"""Certification in training: may it stop, because the policy is as reliable as it is to be?

Wald's sequential probability ratio test (1945): each episode weighs as evidence how much likelier its outcome is for a
policy that fails five times less often than the target allows than for one that just fails to reach it. For any policy
below the target the odds so gathered exceed 1 / chance, ever, with that chance at most (Ville 1939), so they may be
looked at as often as one likes. A training tries again and again: attempt ``k`` has 1 / (k (k + 1)) of the chance to
err, which adds up to the whole. Each attempt has validation episodes of its own, which nothing else has looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from robocell_agents.acting.demonstrations import Played
from robocell_agents.acting.training_config import EvaluationConfig, TargetConfig
from robocell_agents.seeds import episode_seeds
from robocell_agents.training.validation import Score

_FEWER = 5.0  # times fewer failures than the target allows: what the test is made to tell from too many
_HOPELESS = math.log(0.05)  # evidence at which an attempt is given up: so seldom does one so good come by it
_LOOKS = 4  # on the way to the fewest episodes that can certify,
_MOST = 4  # times as many episodes as those, and an attempt ends


def certify(play: Callable[[list[int]], Played], config: EvaluationConfig, attempt: int) -> Score | None:
    """Plays until the target is certified or this attempt is given up.

    Args:
        play: plays one episode for each of the seeds.
        config: with a target.
        attempt: its number, from 1 on.

    Returns:
        The score over the attempt's episodes; None: not certified.
    """
    assert config.target
    target, seeds = config.target, _seeds(config, attempt)
    chunk = len(seeds) // (_LOOKS * _MOST)
    played = Played.none()
    for start in range(0, len(seeds), chunk):
        played = played + play(seeds[start : start + chunk])
        evidence = _evidence(target, played)
        if evidence >= -math.log(_chance(target, attempt)):
            return Score.over(played)
        if evidence <= _HOPELESS:
            break
    return None


def _evidence(target: TargetConfig, played: Played) -> float:
    """Logarithm of the odds that episodes speak for a policy better than the target."""
    good = int(np.sum(played.success))
    return good * _of_success(target) - (len(played.success) - good) * math.log(_FEWER)


def _of_success(target: TargetConfig) -> float:
    """Evidence of one success."""
    return math.log((1.0 - (1.0 - target.success) / _FEWER) / target.success)


def _chance(target: TargetConfig, attempt: int) -> float:
    """To certify in an attempt what is not so."""
    return (1.0 - target.confidence) / (attempt * (attempt + 1))


def _episodes(target: TargetConfig, attempt: int) -> int:
    """The most episodes of an attempt; a quarter of them certifies without a failure."""
    fewest = -math.log(_chance(target, attempt)) / _of_success(target)
    return _MOST * _LOOKS * math.ceil(fewest / _LOOKS)


def _seeds(config: EvaluationConfig, attempt: int) -> list[int]:
    """An attempt's episodes, after those of the validations, of the finalists and of the attempts before."""
    assert config.target
    start = config.episodes + config.final_episodes
    start += sum(_episodes(config.target, before) for before in range(1, attempt))
    return episode_seeds("validation", start + _episodes(config.target, attempt))[start:]
