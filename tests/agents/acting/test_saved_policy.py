from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from elsewhere import KINDS, learned, normalised, observations, saved
from gymnasium import spaces
from sb3_contrib import TRPO, RecurrentPPO
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from robocell_agents import pickles
from robocell_agents.acting.actors import load_actor
from robocell_agents.acting.policy_graph import policy_graph
from robocell_agents.acting.saved_policy import load_saved
from robocell_agents.saved_files import SavedFiles, saved_files, with_normaliser
from robocell_controller.bundle.golden import TOLERANCE
from robocell_controller.bundle.onnx_policy import INTERFACE, OnnxPolicy
from robocell_controller.errors import InputError
from robocell_controller.path.observer import OBSERVATION_SIZE
from robocell_controller.trust.onnx_check import check_graph
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.goal_env import PickPlaceGoalEnv


def agrees(files: SavedFiles, model: Any, normaliser: VecNormalize | None) -> None:
    """What is loaded, and its graph, act as the model that was saved; the controller lets the graph in."""
    policy = load_saved(files)
    graph = policy_graph(policy.model, policy.normaliser)
    check_graph(Path("policy.onnx"), graph, INTERFACE)
    exported, rows = OnnxPolicy(Path("policy.onnx"), graph), observations()
    seen = normaliser.normalize_obs(rows) if normaliser else rows
    wanted, _ = model.predict(seen, deterministic=True)
    np.testing.assert_allclose([policy.predict(row) for row in rows], wanted, atol=TOLERANCE)
    np.testing.assert_allclose([exported.act(row) for row in rows], wanted, atol=TOLERANCE)
    assert np.ptp(wanted, axis=0).min() > 0.1  # it does not give the same for everything


@pytest.mark.parametrize("name", KINDS)
def test_every_algorithm_acts_behind_its_normaliser_as_in_sb3(name: str, tmp_path: Path) -> None:
    env = normalised()
    model = learned(name, env)
    files = saved(tmp_path, model, env)
    assert load_saved(files).algorithm == name
    agrees(files, model, env)
    assert load_saved(files).notice is None
    assert "it has learned from other ones" in (load_saved(SavedFiles(files.policy)).notice or "")
    env.close()


@pytest.mark.parametrize(
    ("name", "policy_kwargs", "settings"),
    [
        ("PPO", {"activation_fn": torch.nn.ReLU, "net_arch": [8] * 6}, {}),
        ("PPO", {"activation_fn": torch.nn.LeakyReLU, "net_arch": {"pi": [16, 8], "vf": [4]}}, {}),
        ("A2C", {"activation_fn": torch.nn.ELU, "share_features_extractor": False}, {}),
        ("A2C", {"net_arch": []}, {}),
        ("PPO", {"squash_output": True}, {"use_sde": True}),
        ("SAC", {"activation_fn": torch.nn.Tanh}, {"use_sde": True}),
        ("TQC", {"activation_fn": torch.nn.SiLU, "net_arch": {"pi": [8], "qf": [4, 4]}}, {}),
        ("TD3", {"activation_fn": torch.nn.LeakyReLU}, {}),
    ],
)
def test_networks_of_other_kinds(name: str, policy_kwargs: Any, settings: Any, tmp_path: Path) -> None:
    model = learned(name, PickPlaceEnv(), policy_kwargs, **settings)
    agrees(saved(tmp_path, model), model, None)


@pytest.mark.parametrize("settings", [{"clip_obs": 0.3, "epsilon": 0.1}, {"clip_obs": np.inf}, {"norm_obs": False}])
def test_a_normaliser_keeps_its_settings(settings: Any, tmp_path: Path) -> None:
    env = normalised(**settings)
    model = learned("PPO", env)
    agrees(saved(tmp_path, model, env), model, env)


def test_an_entry_that_hardly_moves_costs_no_accuracy(tmp_path: Path) -> None:
    env = normalised()
    model = learned("PPO", env)
    still = observations()[0]
    env.obs_rms.mean, env.obs_rms.var = still + 1e-9 * np.arange(OBSERVATION_SIZE), np.zeros(OBSERVATION_SIZE)
    policy = load_saved(saved(tmp_path, model, env))
    exported = OnnxPolicy(Path("policy.onnx"), policy_graph(policy.model, policy.normaliser))
    for row in still + np.float32(1e-5) * np.random.default_rng(0).normal(size=(50, OBSERVATION_SIZE)):
        row = row.astype(np.float32)
        assert np.ptp(env.normalize_obs(row)) > 0.1
        np.testing.assert_allclose(exported.act(row), policy.predict(row), atol=TOLERANCE)


def test_a_policy_from_elsewhere_is_an_actor_by_one_word(tmp_path: Path) -> None:
    env, cell_env = normalised(), PickPlaceEnv()
    files = saved(tmp_path, learned("SAC", env), env)
    observation, _ = cell_env.reset(seed=3)
    action = load_actor(str(files), cell_env.cell).act(cell_env, observation)
    assert action.dtype == np.float32
    np.testing.assert_array_equal(action, load_saved(files).predict(observation))


def test_the_word_names_one_file_or_two() -> None:
    assert saved_files("a+b/mine.zip") == SavedFiles(Path("a+b/mine.zip"))
    assert saved_files(with_normaliser("mine.zip", Path("v+1.pkl"))) == SavedFiles(Path("mine.zip"), Path("v+1.pkl"))
    assert saved_files("program:guided") is None and saved_files("runs/mine") is None
    with pytest.raises(InputError, match=r"--normaliser: v\.pkl for runs/mine; expected a policy that SB3 saved"):
        with_normaliser("runs/mine", Path("v.pkl"))


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_who_has_learned_without_a_normaliser_is_not_suspected(name: str, tmp_path: Path) -> None:
    notice = load_saved(saved(tmp_path, learned(name, PickPlaceEnv()))).notice
    assert notice is not None and notice.endswith("no normaliser given: observations go in as they are")


def test_a_normaliser_that_lies_beside_is_spoken_of(tmp_path: Path) -> None:
    files = saved(tmp_path, learned("PPO", PickPlaceEnv()))
    (tmp_path / "vec_normalize.pkl").touch()
    assert "vec_normalize.pkl lies beside it" in (load_saved(files).notice or "")


class Other(gymnasium.Env):
    """An environment of other spaces."""

    def __init__(self, observation: spaces.Space, action: spaces.Space) -> None:
        self.observation_space, self.action_space = observation, action


OWN_OBSERVATION, OWN_ACTION = (lambda env: (env.observation_space, env.action_space))(PickPlaceEnv())


@pytest.mark.parametrize(
    ("observation", "action", "message"),
    [
        (spaces.Box(-1, 1, (7,)), OWN_ACTION, r"observation: shape \(7,\); expected \(33,\), as this cell has it"),
        (spaces.Box(-9, 9, (33,)), OWN_ACTION, r"observation\[0\]: low -9.0; expected -3.0, as this cell has it"),
        (OWN_OBSERVATION, spaces.Box(-1, 1, (4,)), r"action: shape \(4,\); expected \(5,\), as this cell has it"),
        (OWN_OBSERVATION, spaces.Box(-1, 2, (5,)), r"action\[0\]: high 2.0; expected 1.0, as this cell has it"),
    ],
)
def test_other_spaces_are_refused_by_what_differs(observation: Any, action: Any, message: str, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", Other(observation, action), n_steps=8, batch_size=8)
    with pytest.raises(InputError, match=message):
        load_saved(saved(tmp_path, model))


def test_a_policy_for_goals_is_refused(tmp_path: Path) -> None:
    model = SAC("MultiInputPolicy", PickPlaceGoalEnv(), buffer_size=10)
    with pytest.raises(InputError, match=r"observation: a Dict space; expected a Box of shape \(33,\)"):
        load_saved(saved(tmp_path, model))


@pytest.mark.parametrize(
    ("kind", "policy", "found"),
    [(TRPO, "MlpPolicy", "TRPO"), (RecurrentPPO, "MlpLstmPolicy", "a policy of sb3_contrib.common.recurrent.policies")],
)
def test_other_algorithms_are_refused_by_name(kind: Any, policy: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{found}; expected a policy of SB3's own: PPO, A2C, SAC, TD3, TQC"):
        load_saved(saved(tmp_path, kind(policy, PickPlaceEnv())))


class Bomb:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


def test_nothing_is_unpickled_before_it_is_trusted(tmp_path: Path) -> None:
    env = normalised()
    files = saved(tmp_path, learned("PPO", env), env, trust=False)
    fuse = tmp_path / "gone off"
    files.normaliser.write_bytes(pickle.dumps(Bomb(fuse)))
    for trusted in ((), (files.policy,)):
        for path in trusted:
            pickles.note(path)
        with pytest.raises(InputError, match=r"not made here, or was changed; expected .*--trust-pickle"):
            load_saved(files)
    assert not fuse.exists()
    pickles.trust(str(files))
    with pytest.raises(InputError, match=r"statistics\.pkl: a NoneType; expected what SB3's VecNormalize\.save wrote"):
        load_saved(files)
    assert fuse.exists()  # it was one


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "fault", ["cut", "empty", "no zip", "other zip", "no JSON", "no object", "no weights", "other"]
)
def test_a_broken_policy_is_refused(fault: str, tmp_path: Path) -> None:
    files = saved(tmp_path, PPO("MlpPolicy", PickPlaceEnv(), n_steps=8, batch_size=8))
    path, content = files.policy, files.policy.read_bytes()
    with zipfile.ZipFile(path) as archive:
        data = archive.read("data").decode()
    settings = json.loads(data)
    {
        "cut": lambda: path.write_bytes(content[: len(content) // 2]),
        "empty": lambda: path.write_bytes(b""),
        "no zip": lambda: path.write_bytes(b"hello"),
        "other zip": lambda: zipped(path, readme="hello"),
        "no JSON": lambda: zipped(path, data="hello"),
        "no object": lambda: zipped(path, data="[1]"),
        "no weights": lambda: zipped(path, data=data),
        "other": lambda: zipped(path, data=json.dumps({**settings, "observation_space": {":serialized:": "AAAA"}})),
    }[fault]()
    pickles.note(path)
    with pytest.raises(InputError, match=r"mine\.zip: no (model|PPO) \(.+\); expected what SB3's save wrote"):
        load_saved(files)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("cut", "no normaliser"),
        ("text", "no normaliser"),
        ("other", "a dict"),
        ("shape", r"shape \(7,\)"),
        ("dictionary", "of several observations"),
        ("nan", "that is no number"),
    ],
)
def test_a_broken_normaliser_is_refused(fault: str, message: str, tmp_path: Path) -> None:
    env = normalised()
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8)
    if fault == "shape":
        env.obs_rms = RunningMeanStd(shape=(7,))
    if fault == "dictionary":
        env.obs_rms = {"observation": env.obs_rms}
    if fault == "nan":
        env.obs_rms.var = np.full(OBSERVATION_SIZE, np.nan)
    files = saved(tmp_path, model, env)
    path = files.normaliser
    if fault in ("cut", "text", "other"):
        path.write_bytes({"cut": path.read_bytes()[:500], "text": b"hello", "other": pickle.dumps({})}[fault])
        pickles.note(path)
    with pytest.raises(InputError, match=rf"{message}.*; expected what SB3's VecNormalize\.save wrote, of 33 numbers"):
        load_saved(files)
