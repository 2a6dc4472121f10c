"""The cells of a training: which they are, and how environments and episodes are dealt out to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from robocell_agents.acting.algorithms import make_vec_env
from robocell_agents.acting.demonstrations import Actor, collect, joined_transitions
from robocell_agents.acting.training_cells import training_cells
from robocell_agents.acting.training_config import TrainingConfig
from robocell_controller.config import load
from robocell_controller.errors import InputError


def config(**changes: Any) -> TrainingConfig:
    base = load(TrainingConfig, "agents", "pick_place").model_dump()
    return TrainingConfig.model_validate({**base, "n_envs": 4, "subprocesses": False, **changes})


def test_cells_are_the_own_one_the_further_ones_and_the_changed_ones_within_training() -> None:
    plain, belt, heavy = training_cells(config(also=["conveyor_pick"], changes=["heavier"]))
    assert plain.belt is None and belt.belt is not None
    assert heavy.simulation["part"]["density_kg_m3"] != plain.simulation["part"]["density_kg_m3"]
    assert plain.motion == belt.motion == heavy.motion


def test_environments_and_episodes_are_dealt_out_in_turn() -> None:
    chosen = config(also=["conveyor_pick"])
    cells = training_cells(chosen)
    env = make_vec_env(chosen, cells, 0, 1)
    assert [bool(cell.belt) for cell in env.get_attr("cell")] == [False, True, False, True]
    env.close()
    mixed = collect(cells, "oracle", Actor(None, 0.0), [10, 11])
    apart = [collect([cell], "oracle", Actor(None, 0.0), [seed]) for cell, seed in zip(cells, (10, 11), strict=True)]
    assert (mixed.observations == joined_transitions(apart).observations).all()


def test_a_cell_in_which_actions_mean_something_else_is_refused(tmp_path: Path) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(yaml.safe_dump({"extends": "pick_place", "motion": {"tcp_speed_m_s": 0.5}}), encoding="utf-8")
    with pytest.raises(InputError, match=r"slow\.yaml: motion: another one"):
        training_cells(config(also=[str(slow)]))


def test_every_cell_needs_an_environment() -> None:
    with pytest.raises(ValueError, match="n_envs of at least one for each"):
        config(n_envs=2, also=["conveyor_pick"], changes=["heavier"])


def test_the_adaptive_recipe_trains_on_every_change() -> None:
    assert len(training_cells(load(TrainingConfig, "agents", "adaptive"))) == 26


def test_a_training_rewards_in_its_own_way() -> None:
    plain, belt = training_cells(config(also=["conveyor_pick"], reward={"failure": -20.0}))
    assert plain.simulation["task"]["reward"]["failure"] == belt.simulation["task"]["reward"]["failure"] == -20.0
    assert plain.simulation["task"]["reward"]["success"] == 1.25


def test_a_reward_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"reward.*speed"):
        training_cells(config(reward={"speed": 1.0}))
