"""One training of a peer, as a process of its own.

    python -m robocell_agents.training_studies.peer_training STUDY NAME SEED

Stable-Baselines3 and its replay buffer as they are, on one environment; every so often the policy, without its noise,
plays episodes of fixed seeds. All that counts into the time, as it does in our own trainings.
"""

from __future__ import annotations

import sys
import time
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import TQC
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from robocell_agents.files import write_json
from robocell_agents.seeds import episode_seeds
from robocell_agents.training_studies.peers_config import load_peers, make_peer_env
from robocell_controller.statistics import wilson

_ALGORITHMS: dict[str, type[SAC] | type[TQC]] = {"sac": SAC, "tqc": TQC}
_ENDLESS = 10**9  # steps: time is up before
Row = dict[str, Any]


class Watch(BaseCallback):
    """Ends the training when its time is up, and validates the policy every so often and at the end.

    Attributes:
        curve: a row for each validation.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], seeds: list[int], every_s: float, time_limit_s: float) -> None:
        """Takes the environment and the seeds of the validations; the clock starts now."""
        super().__init__()
        self._env, self._seeds = env, seeds
        self._every_s, self._time_limit_s = every_s, time_limit_s
        self._start, self._next_s = time.perf_counter(), every_s
        self.curve: list[Row] = []

    def _on_step(self) -> bool:
        passed = time.perf_counter() - self._start
        if passed >= min(self._next_s, self._time_limit_s):
            self._validate()
            self._next_s += self._every_s
        return passed < self._time_limit_s

    def _validate(self) -> None:
        good = sum(_succeeds(self._env, self.model, seed) for seed in self._seeds)
        low, high = wilson(good, len(self._seeds))
        wall_s = round(time.perf_counter() - self._start, 2)
        success = good / len(self._seeds)
        self.curve.append({"wall_s": wall_s, "steps": self.num_timesteps, "success": success, "low": low, "high": high})


def _succeeds(env: gymnasium.Env[Any, Any], model: BaseAlgorithm, seed: int) -> bool:
    observation, info = env.reset(seed=seed)
    over = False
    while not over:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, terminated, truncated, info = env.step(np.asarray(action))
        over = terminated or truncated
    return bool(info["is_success"])


def train_peer(study: str, name: str, seed: int) -> None:
    """Trains one peer of a study and leaves its learning curve in the study's folder for runs."""
    peers = load_peers(study)
    config, peer = peers.config, peers.config.peers[name]
    torch.set_num_threads(config.cores)
    watch = Watch(
        make_peer_env(config.env), episode_seeds("validation", config.episodes), config.every_s, config.time_limit_s
    )
    model = _ALGORITHMS[peer.algorithm](
        "MultiInputPolicy",
        make_peer_env(config.env),
        seed=seed,
        device="cpu",
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs=config.hindsight,
        **deepcopy(peer.settings),  # from which Stable-Baselines3 takes things out
    )
    model.set_logger(Logger(None, []))  # its own leaves a folder in the temporary folder
    model.learn(_ENDLESS, callback=watch)
    write_json(peers.curve(name, seed), {"problem": peers.problem(name), "curve": watch.curve})


if __name__ == "__main__":
    train_peer(sys.argv[1], sys.argv[2], int(sys.argv[3]))
