from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from sb3_contrib import TQC
from stable_baselines3 import PPO, SAC, HerReplayBuffer

from robocell_agents.acting.settings import (
    OURS,
    HindsightReplay,
    HindsightSettings,
    PeerSacSettings,
    PeerTqcSettings,
    PpoSettings,
    SacSettings,
    SbxSacSettings,
)
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.training_studies.config import load_training_study
from robocell_controller.config import Config, default_names, load, locate, merged, parse, read_config
from robocell_controller.errors import InputError
from robocell_controller.yaml_core import to_yaml

PPO_ALONE = {"rollout_buffer_class", "rollout_buffer_kwargs"}


def config(name: str = "pick_place", **changes: Any) -> TrainingConfig:
    return parse(TrainingConfig, merged(read_config("agents", locate("agents", name)), changes), "mine.yaml")


@pytest.mark.parametrize(
    ("schema", "made", "not_settings"),
    [
        (PpoSettings, PPO, set()),
        (SacSettings, SAC, set()),
        (HindsightSettings, SAC, {"n_steps"}),  # the hindsight buffer knows single steps only
        (PeerSacSettings, SAC, {"n_steps"}),
        (PeerTqcSettings, TQC, {"n_steps"}),
        (HindsightReplay, HerReplayBuffer, {"buffer_size", "observation_space", "action_space", "n_envs"}),
    ],
)
def test_settings_are_the_arguments_of_the_constructor(
    schema: type[Config], made: type, not_settings: set[str]
) -> None:
    arguments = inspect.signature(made).parameters
    ours = {*OURS, *not_settings, "handle_timeout_termination"}
    assert arguments.keys() - ours - schema.model_fields.keys() == set()
    for key, field in schema.model_fields.items():
        default = arguments[key].default
        assert field.get_default(call_default_factory=True) == ({} if key == "policy_kwargs" else default), key


def test_settings_are_the_arguments_of_sbx_too() -> None:
    sbx = pytest.importorskip("sbx")
    arguments = inspect.signature(sbx.SAC).parameters
    assert arguments.keys() - OURS.keys() == SbxSacSettings.model_fields.keys()
    assert all(arguments[key].default == field.default for key, field in SbxSacSettings.model_fields.items())


def test_the_shipped_settings_are_what_the_files_say() -> None:
    for name in default_names("agents"):
        assert (
            load(TrainingConfig, "agents", name).settings == read_config("agents", locate("agents", name))["settings"]
        )


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pick_place", {"lr": 0.1}, "settings.lr: 0.1; expected one of learning_rate, gamma"),
        ("pick_place", {"learning_rate": "1e-4"}, "settings.learning_rate: '1e-4'; expected a number over 0"),
        ("pick_place", {"learning_rate": math.nan}, "settings.learning_rate: nan"),
        ("pick_place", {"learning_rate": [0.1]}, r"settings.learning_rate: \[0.1\]; .* the first and the last"),
        ("pick_place", {"learning_rate": True}, "settings.learning_rate: True"),
        ("pick_place", {"learning_rate": 10**400}, "settings.learning_rate: 1000"),
        ("pick_place", {"batch_size": 0}, "settings.batch_size: 0; expected greater than or equal to 2"),
        ("pick_place", {"batch_size": 64.0}, "settings.batch_size: 64.0; expected a valid integer"),
        ("pick_place", {"clip_range": -1}, "settings.clip_range: -1; expected greater than 0"),
        ("pick_place", {"n_steps": 10**12}, "settings.n_steps: 1000000000000; expected less"),
        ("pick_place", {"gamma": 1.5}, "settings.gamma: 1.5"),
        ("pick_place", {"policy_kwargs": {}}, "settings.policy_kwargs: {}; expected no such setting: hidden, log_std"),
        ("pick_place", {"device": "cuda"}, "settings.device: 'cuda'; expected no such setting: .* CPU"),
        ("pick_place", {"seed": 3}, "settings.seed: 3; expected no such setting: the option --seed"),
        ("pick_place", {"env": 3}, "settings.env: 3; expected no such setting: cell"),
        ("pick_place", {"tensorboard_log": "x"}, "settings.tensorboard_log: 'x'; .* in the run folder"),
        ("pick_place", {"tau": 0.1}, "settings.tau: 0.1; expected one of"),
        ("sac", {"clip_range": 0.1}, "settings.clip_range: 0.1; expected one of"),
        ("sac", {"ent_coef": "auto_x"}, "settings.ent_coef: 'auto_x'; expected auto, or auto_ and a number"),
        ("sac", {"ent_coef": "auto_nan"}, "settings.ent_coef: 'auto_nan'"),
        ("sac", {"ent_coef": -1}, "settings.ent_coef: -1"),
        ("sac", {"target_entropy": "low"}, "settings.target_entropy: 'low'; expected auto or a number"),
        ("sac", {"train_freq": [1, "episode"]}, "settings.train_freq"),
        ("sac", {"gradient_steps": 0}, "settings.gradient_steps: 0; expected a number over 0, or -1"),
        ("sac", {"buffer_size": 10**12}, "settings.buffer_size"),
        ("sac", {"optimize_memory_usage": True}, "settings.optimize_memory_usage"),
        ("sac_her", {"n_steps": 3}, "settings.n_steps: 3; expected one of"),
        ("sac_her", {"replay_buffer_class": "x"}, "settings.replay_buffer_class"),
        ("sbx_sac", {"policy_delay": 0}, "settings.policy_delay: 0"),
        ("sbx_sac", {"target_update_interval": 1}, "settings.target_update_interval: 1; expected one of"),
    ],
)
def test_what_an_algorithm_does_not_take_is_named(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^mine.yaml: {message}"):
        config(name, settings=settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": "dqn"}, "algorithm: 'dqn'; expected 'ppo', 'sac'"),
        ({"hidden": [10**8]}, "hidden.0: 100000000"),
        ({"n_envs": 10**6}, "n_envs: 1000000"),
        ({"total_steps": -1}, "total_steps: -1"),
        ({"total_steps": 10**20}, "total_steps: 1000"),
        ({"time_limit_s": math.inf}, "time_limit_s: inf; expected a finite number"),
        ({"log_std": 50.0}, "log_std: 50.0"),
        ({"reward": {"grip": math.nan}}, "reward.grip: nan"),
        ({"also": ["sort", "sort"]}, "also: .*; expected each once, and not sort again"),
        ({"changes": ["heavier", "lighter", "heavier"]}, "changes: .*; expected each once, and not heavier again"),
        ({"cloning": {"batch_size": 10**9}}, "cloning.batch_size"),
        ({"critic_fit": {"learning_rate": 5.0}}, "critic_fit.learning_rate: 5.0"),
        ({"demonstrations": {"episodes": 10_000}}, "top level: .*together at most 10000, .* and not 10120"),
        ({"evaluation": {"episodes": 999_999}}, "evaluation: .* at most 1000000"),
    ],
)
def test_numbers_that_no_training_has_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^mine.yaml: {message}"):
        config(**changes)


@pytest.mark.parametrize("key", ["learning_starts", "buffer_size"])
def test_hindsight_needs_a_whole_episode(key: str) -> None:
    with pytest.raises(InputError, match=rf"^mine\.yaml: settings\.{key}: 499; expected at least 500"):
        training_cells(config("sac_her", settings={key: 499}), "mine.yaml")
    assert training_cells(config("sac_her", settings={key: 500}), "mine.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": {"small": {"extends": "nowhere"}}}, r"mine\.yaml: recipes\.small\.extends: nowhere: no such file"),
        ({"recipes": {"small": {"extends": "pick_place", "settings": {"lr": 1}}}}, r"recipes\.small: settings\.lr: 1"),
        ({"recipes": {"../small": {"extends": "pick_place"}}}, r"mine\.yaml: recipes\.\.\./small"),
        ({"cells": {"nowhere": ["nominal"]}}, r"mine\.yaml: cells: nowhere: no such file"),
        ({"cells": {"pick_place": ["nominal", "nominal"]}}, r"cells\.pick_place.*each once, and not nominal"),
        ({"cells": {"pick_place": ["nowhere"]}}, r"mine\.yaml: cells\.pick_place\.0: nowhere: no such file"),
        ({"cells": {"pick_place": ["nominal"], "./pick_place.yaml": ["nominal"]}}, r"cells: two files of one name"),
        ({"cells": {"pick_place": ["nominal", "./nominal.yaml"]}}, r"nominal: two files of this name in one study"),
        ({"seeds": [0, 0]}, r"seeds.*each once, and not 0 again"),
        ({"seeds": []}, r"seeds"),
    ],
)
def test_a_study_of_trainings_names_what_is_wrong(changes: dict[str, Any], message: str, tmp_path: Any) -> None:
    (tmp_path / "pick_place.yaml").write_text("extends: pick_place\n", encoding="utf-8")
    (tmp_path / "nominal.yaml").write_text("cell: pick_place\nconditions: {nominal: {}}\n", encoding="utf-8")
    content = read_config("studies", locate("studies", "time_to_99"))
    study = {**content, "cells": {"pick_place": ["nominal"]}, "cores": 1, **changes}
    (tmp_path / "mine.yaml").write_text(to_yaml(study), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_training_study(tmp_path / "mine.yaml")
