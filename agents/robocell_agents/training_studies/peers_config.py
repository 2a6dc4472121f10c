"""Schema of the studies of peers in ``configs/studies``: what others train, on their task, by the same clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium
from annotated_types import Gt, Le, Len
from pydantic import ValidationInfo, field_validator

from robocell_agents.acting.settings import PEER_SETTINGS, Count, Episodes, HindsightReplay, given
from robocell_agents.training_studies.config import Name, Seeds
from robocell_controller.arm.robot import Positive
from robocell_controller.config import Config, load, locate, read_config
from robocell_controller.errors import InputError
from robocell_envs.engine.bullet import quiet

_KIND = "studies"
_KEY = "peers"  # which only a study of peers has
_PROBLEM = {"env", "hindsight", "time_limit_s", "every_s", "episodes", "cores"}


class PeerConfig(Config):
    """One way of learning: an algorithm with hindsight, and its settings for the constructor."""

    algorithm: Literal["sac", "tqc"]
    settings: dict[str, Any]

    @field_validator("settings")
    @classmethod
    def _known_settings(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        algorithm = info.data.get("algorithm")  # None if it is wrong itself
        return given(PEER_SETTINGS[algorithm], settings) if algorithm else settings


class PeersConfig(Config):
    """One study of peers.

    Attributes:
        env: id of a goal-conditioned environment of panda-gym.
        peers: by the name they are shown under.
        hindsight: arguments of the replay buffer.
        time_limit_s: of each training, validations included.
        every_s: time from one validation to the next.
        episodes: of a validation.
        seeds: training seeds.
        cores: of each training.
        side_by_side: trainings at a time.
        reach: success from which on a validation counts as having got there.
        ours: folder with the results of the study of trainings that is shown beside them.
        runs: folder for the curves of the single trainings.
        out: folder for the results.
    """

    env: str
    peers: Annotated[dict[Name, PeerConfig], Len(1)]
    hindsight: dict[str, Any]
    time_limit_s: Positive
    every_s: Positive
    episodes: Episodes
    seeds: Seeds
    cores: Count
    side_by_side: Count
    reach: Annotated[float, Gt(0), Le(1)]
    ours: str
    runs: str
    out: str

    @field_validator("hindsight")
    @classmethod
    def _known_arguments(cls, hindsight: dict[str, Any]) -> dict[str, Any]:
        return given(HindsightReplay, hindsight)


@dataclass(frozen=True, slots=True)
class Peers:
    """A checked study of peers: its file, and what is in it."""

    path: Path
    config: PeersConfig

    def curve(self, name: str, seed: int) -> Path:
        """Where the learning curve of one training is kept."""
        return Path(self.config.runs) / f"{name}-{seed}.json"

    def problem(self, name: str) -> dict[str, Any]:
        """What the learning curve of a peer depends on."""
        return {"peer": self.config.peers[name].model_dump(), **self.config.model_dump(include=_PROBLEM)}


def is_peers_study(name_or_path: str | Path) -> bool:
    """Whether a study is about peers."""
    return _KEY in read_config(_KIND, locate(_KIND, name_or_path))


def load_peers(name_or_path: str | Path) -> Peers:
    """Finds, reads and checks a study of peers.

    Raises:
        InputError: missing or malformed.
    """
    path = locate(_KIND, name_or_path)
    return Peers(path, load(PeersConfig, _KIND, path))


def make_peer_env(name: str) -> gymnasium.Env[Any, Any]:
    """One of panda-gym's environments.

    Raises:
        InputError: panda-gym is not installed, or has none of that name.
    """
    try:
        import panda_gym  # noqa: F401 - registers its environments

        with quiet():
            return gymnasium.make(name)
    except (ImportError, gymnasium.error.Error) as error:
        raise InputError("env", name, "an environment of panda-gym, with panda-gym installed") from error
