from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from robocell_controller.config import locate
from robocell_controller.errors import InputError
from robocell_envs.cell_env import ConveyorPickEnv, PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv
from robocell_envs.plant.cell_checks import load_cell
from robocell_envs.production_env import KittingEnv, ShiftEnv, SortEnv, make_env

KINDS = [PickPlaceEnv, ConveyorPickEnv, KittingEnv, SortEnv, ShiftEnv, PickPlaceGoalEnv]
IDLE = np.zeros(5, dtype=np.float32)
NO_ACTIONS = {
    "a batch of one": np.zeros((1, 5), np.float32),
    "too short": np.zeros(4),
    "too long": [0.0] * 6,
    "a scalar": 0.0,
    "None": None,
    "ragged": [[0.0], [0.0, 0.0]],
    "strings": ["0"] * 5,
    "objects": np.array([None] * 5),
    "complex": np.zeros(5, complex),
    "bool": np.zeros(5, bool),
}
NO_NUMBERS = {"nan": [0, 0, np.nan, 0, 0], "inf": [0, 0, np.inf, 0, 0], "both": [0, 0, np.inf, 0, -np.inf]}


@pytest.fixture(params=KINDS)
def env(request):
    env = request.param()
    yield env
    env.close()


def _joints(env):
    return getattr(env, "cell_env", env).plant.world.truth().joints.tolist()


def test_a_wrong_action_is_refused_and_nothing_moves(env):
    env.reset(seed=3)
    after_one = env.step(IDLE)[0]
    env.reset(seed=3)
    before = _joints(env)
    for action in NO_ACTIONS.values():
        with pytest.raises(InputError, match=r"^action: .*; expected shape \(5,\) of real numbers"):
            env.step(action)
    for action in NO_NUMBERS.values():
        with pytest.raises(FloatingPointError, match=r"scenario seed \d+, step 1: action tcp_dz is (nan|inf).*finite"):
            env.step(action)
    assert _joints(env) == before
    again = env.step(IDLE)[0]
    for key in after_one if isinstance(after_one, dict) else [slice(None)]:
        np.testing.assert_array_equal(again[key], after_one[key])


def test_real_numbers_of_any_kind_are_clipped_actions():
    env = PickPlaceEnv()
    seen = []
    for action in (np.full(5, 2.0), [1.0] * 5, np.ones(5, int), np.ones(5, np.float16), [1e308] * 5):
        env.reset(seed=3)
        seen.append(env.step(action)[0].tolist())
    env.close()
    assert seen == [seen[0]] * len(seen)


def test_a_step_needs_a_reset_and_so_does_a_picture(env):
    inner = getattr(env, "cell_env", env)
    for use in (lambda: env.step(IDLE), env.render, lambda: inner.view):
        with pytest.raises(
            ResetNeeded, match=r"(without an episode|of an empty cell); expected a call of reset\(\) first"
        ):
            use()


def test_a_single_cell_goes_on_after_its_episode_and_a_recipe_wants_a_reset(tmp_path):
    file = tmp_path / "short.yaml"
    for kind, name in ((PickPlaceEnv, "pick_place"), (KittingEnv, "kitting")):
        file.write_text(f"extends: {name}\ncycle_time_limit_s: 0.04\n")
        env, over = kind(file), False
        env.reset(seed=0)
        while not over:
            *_, terminated, truncated, _ = env.step(IDLE)
            over = terminated or truncated
        if kind is PickPlaceEnv:
            assert env.step(IDLE)[3]
        else:
            with pytest.raises(ResetNeeded):
                env.step(IDLE)
        env.reset(seed=0)
        env.step(IDLE)
        env.close()


def test_a_cell_is_given_by_name_by_file_or_as_it_is():
    file = locate("cells", "kitting")
    assert load_cell("kitting") == load_cell(file) == load_cell(str(file)) == load_cell(load_cell(file))
    for env in (KittingEnv(file), make_env(file), make_env("kitting")):
        assert env.cell == load_cell("kitting")
        env.close()


@pytest.mark.parametrize("cell", [{"robot": "panda"}, None, 5, ["pick_place"], b"pick_place"])
@pytest.mark.parametrize("use", [load_cell, make_env, *KINDS])
def test_another_kind_of_cell_is_refused(use, cell):
    with pytest.raises(InputError, match=r"^cell: a \w+; expected its name, its file, or a CellConfig$"):
        use(cell)


def test_a_file_of_another_kind_or_none_is_refused():
    with pytest.raises(InputError, match=r"panda.yaml: name \(line 3\): unknown key"):
        PickPlaceEnv(locate("robots", "panda"))
    with pytest.raises(InputError, match="no such file"):
        PickPlaceEnv(Path("nowhere.yaml"))


@pytest.mark.parametrize("mode", ["depth", "", ["human"]])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_render_mode_is_refused(kind, mode):
    with pytest.raises(InputError, match=r"^render_mode: .*; expected one of 'rgb_array', 'human', None$"):
        kind(render_mode=mode)


def test_seeds_and_options_that_are_none_are_refused(env):
    for seed in ("a", -1, 1.5):
        with pytest.raises(gymnasium.error.Error, match="Seed"):
            env.reset(seed=seed)
    with pytest.raises(InputError, match=r"options: .*; expected none"):
        env.reset(seed=0, options={"part": "heavy"})
