"""Training: stages, determinism, refusal of bad input, and going on after a kill."""

from __future__ import annotations

import itertools
import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from full_disk import largest_file

from robocell_agents.acting import run_folder
from robocell_agents.acting.actors import load_actor
from robocell_agents.acting.demonstrations import Actor, collect, joined_transitions, outcomes
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.export.export import export
from robocell_agents.training import train as train_command
from robocell_agents.training.cloning import plain_layers
from robocell_agents.training.finalists import Finalists
from robocell_agents.training.train import train
from robocell_agents.training.validation import Score
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.config import load, locate, merged, read_config, read_yaml
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.cell_checks import load_cell
from robocell_envs.tasks import pick_place as task

SMALL: dict[str, Any] = {
    "n_envs": 2,
    "subprocesses": False,
    "total_steps": 128,
    "critic_warmup_rollouts": 1,
    "settings": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
    "demonstrations": {"episodes": 4},
    "cloning": {"steps": 20, "dagger_rounds": 1, "dagger_episodes": 2, "dagger_steps": 10},
    "evaluation": {"episodes": 2, "every_steps": 64, "finalists": 2, "final_episodes": 2},
}
FROM_SCRATCH: dict[str, Any] = {"demonstrations": None, "cloning": None, "critic_warmup_rollouts": 0}


def config_file(folder: Path, name: str = "pick_place", **changes: Any) -> str:
    content = merged(merged(read_yaml(locate("agents", name)), SMALL), changes)
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def progress(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "progress.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in row.items() if key != "wall_s"} for row in rows]


def weights(run: Path) -> np.ndarray:
    parameters = run_folder.load_model(run).policy.parameters()
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in parameters])


def stopped_before(config: Path, run: Path, total_steps: int) -> None:
    """Makes of a run one that was stopped on its way to ``total_steps``."""
    longer = run_folder.training_config(run).model_copy(update={"total_steps": total_steps})
    run_folder.write_config(run / "config.yaml", longer)
    config.write_text(yaml.safe_dump(longer.model_dump()), encoding="utf-8")
    status = run_folder.read_status(run)
    (run / "run.json").write_text(json.dumps({**status, "status": "interrupted"}), encoding="utf-8")


def test_a_run_leaves_policy_configs_and_provenance_and_repeats_bit_for_bit(tmp_path: Path) -> None:
    config = config_file(tmp_path, total_steps=192)
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(config, 3, first, resume=False) == 0
    assert train(config, 3, second, resume=False) == 0
    status = run_folder.read_run(first)
    assert status["config"] == "agent" and status["seed"] == 3
    assert status["versions"]["stable_baselines3"] and "commit" in status["git"]
    assert run_folder.cell_config(first) == load(CellConfig, "cells", "pick_place")
    assert [row["stage"] for row in progress(first)] == ["cloning", "ppo", "ppo", "chosen"]
    assert progress(first) == progress(second)
    assert (weights(first) == weights(second)).all()


def test_the_finalist_that_does_best_on_fresh_seeds_is_kept(tmp_path: Path) -> None:
    def score(success: float, parts_per_hour: float) -> Score:
        return Score(success, 0.0, 1.0, 200, 1.8, parts_per_hour)

    scores = {"a": score(0.9, 2000.0), "b": score(0.995, 1900.0), "c": score(1.0, 1950.0), "d": score(0.98, 2100.0)}
    finalists = Finalists(tmp_path, most=3)
    for name in scores:
        finalists.enter(name, scores[name], lambda path, name=name: path.write_text(name))
        resumed = Finalists(tmp_path, most=3)
        resumed.restore(json.loads(json.dumps(finalists.rows())))
        finalists = resumed
    assert len(list((tmp_path / "finalists").iterdir())) == 4  # a checkpoint may still ask for the first
    finalists.tidy()
    assert sorted(path.name for path in (tmp_path / "finalists").iterdir()) == ["b.zip", "c.zip", "d.zip"]
    fresh = {"b": score(0.99, 1900.0), "c": score(0.97, 1950.0), "d": score(0.99, 2000.0)}
    path, chosen = finalists.choose(lambda path: fresh[path.read_text()])
    assert path.name == "d.zip" and chosen == fresh["d"]


def test_a_full_disk_stops_a_training_that_can_be_gone_on_with(tmp_path: Path, capsys: Any) -> None:
    config, run = config_file(tmp_path, total_steps=64), tmp_path / "run"
    arguments = ["train", config, "--out", str(run), "--workers", "1"]
    with largest_file(500):
        assert execute(arguments) == 1
    assert "config.yaml: File too large" in capsys.readouterr().err and not list(run.iterdir())
    with largest_file(100_000):
        assert execute(arguments) == 1
    assert f"robocell: error: {run / 'checkpoint'}: File too large\n" in capsys.readouterr().err
    assert not list(run.glob("checkpoint*"))
    assert execute([*arguments, "--resume"]) == 0
    assert run_folder.read_run(run)["status"] == "finished"


def test_other_seeds_train_other_policies(tmp_path: Path) -> None:
    config = config_file(tmp_path, total_steps=0)
    assert train(config, 0, tmp_path / "0", resume=False) == train(config, 1, tmp_path / "1", resume=False) == 0
    assert (weights(tmp_path / "0") != weights(tmp_path / "1")).any()


@pytest.mark.parametrize("name", ["sac", "sac_her", pytest.param("sbx_sac", marks=pytest.mark.slow)])
def test_off_policy_algorithms_train(tmp_path: Path, name: str) -> None:
    if name == "sbx_sac":
        pytest.importorskip("sbx")
    changes: dict[str, Any] = {"critic_warmup_rollouts": 0 if name == "sac_her" else 5, "total_steps": 300}
    content = read_config("agents", locate("agents", name))
    settings = {**content["settings"], "buffer_size": 2000, "batch_size": 16, "learning_starts": 260}
    small = {**content, **{key: SMALL[key] for key in ("n_envs", "subprocesses", "evaluation")}, **changes}
    small["settings"] = settings
    if name != "sac_her":
        small["demonstrations"] = {**content["demonstrations"], "episodes": 3}
        small["cloning"] = {**content["cloning"], "steps": 10}
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(small), encoding="utf-8")
    assert train(str(path), 0, tmp_path / "run", resume=False) == 0
    assert run_folder.read_run(tmp_path / "run")["algorithm"] == name
    assert progress(tmp_path / "run")[-2]["steps"] >= 300


@pytest.mark.parametrize("name", ["sac", pytest.param("sbx_sac", marks=pytest.mark.slow)])
def test_rehearsal_holds_the_actor_to_what_it_was_shown_after_a_resume_too(tmp_path: Path, name: str) -> None:
    if name == "sbx_sac":
        pytest.importorskip("sbx")
    strayed: dict[str, float] = {}
    for steps in (1, 100):
        rehearsal = {"steps": steps, "learning_rate": 0.001}
        settings = {"buffer_size": 2000, "learning_rate": 0.003}  # SAC's own updates lead far away
        own = {"rehearsal": rehearsal, "settings": settings, "critic_warmup_rollouts": 1, "total_steps": 96}
        content = merged(read_config("agents", locate("agents", name)), own)
        path, run = tmp_path / f"{name}.yaml", tmp_path / f"run{steps}"
        small = {"demonstrations": {"episodes": 3}, "cloning": {"steps": 300}, "evaluation": SMALL["evaluation"]}
        path.write_text(yaml.safe_dump(merged(content, small)), encoding="utf-8")
        assert train(str(path), 0, run, resume=False) == 0
        stopped_before(path, run, 192)
        assert train(str(path), 0, run, resume=True) == 0
        model = run_folder.load_policy(name, run / "checkpoint" / "model.zip")
        with np.load(run / "checkpoint" / "data.npz") as shown:
            actions = model.predict(shown["observations"], deterministic=True)[0]
            strayed[steps] = float(((actions - shown["labels"]) ** 2).mean())
    assert strayed[100] < 0.5 * strayed[1]


def test_cloning_goes_on_in_rounds_until_the_time_is_up(tmp_path: Path) -> None:
    rounds = {"dagger_rounds": 3, "dagger_episodes": 0, "dagger_steps": 10}
    cloned = {"total_steps": 0, "cloning": rounds, "evaluation": {"every_rounds": 2}}
    assert train(config_file(tmp_path, **cloned), 0, tmp_path / "whole", resume=False) == 0
    assert [(row["stage"], row["steps"]) for row in progress(tmp_path / "whole")][:-1] == [("round", 1), ("round", 3)]
    assert train(config_file(tmp_path, **cloned, time_limit_s=0.001), 0, tmp_path / "late", resume=False) == 0
    assert [row["stage"] for row in progress(tmp_path / "late")] == ["cloning", "chosen"]


def test_a_residual_policy_begins_as_its_program_and_is_no_bundle(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"demonstrations": None, "cloning": None, "residual": {"program": "guided", "share": 0.3}}
    run = tmp_path / "run"
    assert train(config_file(tmp_path, total_steps=192, **nothing), 0, run, resume=False, workers=1) == 0
    assert [row["success"] for row in progress(run)] == [1.0] * 3
    env, seen = PickPlaceEnv(), []
    observation, _ = env.reset(seed=0)
    for actor in (load_actor(str(run), env.cell), load_actor("program:guided", env.cell)):
        seen.append(actor.act(env, observation))
    env.close()
    assert 0.0 < np.abs(seen[0] - seen[1]).max() < 0.05
    with pytest.raises(InputError, match="residual policy"):
        export(run, tmp_path / "bundle")


def test_a_terminated_training_goes_on_where_it_was(tmp_path: Path) -> None:
    config, run = config_file(tmp_path, total_steps=1_000_000, evaluation={"every_steps": 1_000_000}), tmp_path / "run"
    command = [sys.executable, "-c", "import sys; from robocell_controller.commands.cli import main; main()"]
    training = subprocess.Popen(
        [*command, "train", config, "--out", str(run)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not (run / "progress.jsonl").exists() and training.poll() is None:  # cloned: reinforcement has begun
        pass
    training.send_signal(signal.SIGTERM)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 128 + signal.SIGTERM, errors
    assert run_folder.read_status(run)["status"] == "interrupted"
    with pytest.raises(InputError, match="training is 'interrupted'"):
        run_folder.read_run(run)
    steps = json.loads((run / "checkpoint" / "progress.json").read_text())
    assert steps["imitation_round"] == 2  # cloning and DAgger are not done again

    stopped_before(Path(config), run, 4096)
    assert train(config, 0, run, resume=True) == 0
    stages = [row["stage"] for row in progress(run)]
    assert stages.count("cloning") == 1 and stages[-2:] == ["ppo", "chosen"]
    assert progress(run)[-2]["steps"] >= 4096


def test_training_leaves_torch_as_it_was(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    assert train(config_file(tmp_path, total_steps=0), 0, tmp_path / "run", resume=False) == 0
    left = torch.get_num_threads(), torch.distributions.Distribution._validate_args
    torch.set_num_threads(threads)
    assert left == (2, True)


def test_resume_refuses_a_changed_config_and_names_the_key(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(config_file(tmp_path, total_steps=0), 0, run, resume=False) == 0
    with pytest.raises(InputError, match="training is finished"):
        train(config_file(tmp_path, total_steps=0), 0, run, resume=True)
    status = run_folder.read_status(run)
    (run / "run.json").write_text(json.dumps({**status, "status": "interrupted"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"total_steps: 64; expected 0"):
        train(config_file(tmp_path, total_steps=64), 0, run, resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_envs": 0}, "n_envs"),
        ({"n_envs": "two"}, "n_envs"),
        ({"speed": 3}, r"speed \(line \d+\): unknown key"),
        ({"algorithm": "dqn"}, "algorithm"),
        ({"demonstrations": None}, "demonstrations wherever there is cloning"),
        ({"cell": "nowhere"}, "nowhere"),
    ],
)
def test_bad_configs_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(config_file(tmp_path, **changes), 0, tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()


def test_a_used_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="exists already"):
        train(config_file(tmp_path), 0, tmp_path / "run", resume=False)


def test_a_policy_that_does_not_move_yet_is_not_validated_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(config_file(tmp_path, critic_warmup_rollouts=3, total_steps=320), 0, run, resume=False) == 0
    assert [(row["stage"], row["steps"]) for row in progress(run)[:-1]] == [("cloning", 0), ("ppo", 256), ("ppo", 320)]


def test_a_reward_that_is_no_number_stops_training_and_tells_step_term_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, reckoned = itertools.count(), task.reward_terms

    def broken(*arguments: Any) -> dict[str, float]:
        return reckoned(*arguments) | ({"energy": math.nan} if next(calls) == 2 * 40 + 1 else {})

    monkeypatch.setattr(task, "reward_terms", broken)  # in this process, where the updates' environments are
    config = config_file(tmp_path, **FROM_SCRATCH)
    assert execute(["train", config, "--out", str(tmp_path / "run"), "--seed", "7"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    told = r"robocell: error: training seed 7, step 80: scenario seed \d+, step 41: reward term energy is nan; "
    assert re.match(told, message), message


@pytest.mark.parametrize("place", ["rewards, entry 0", "new_obs, entry 31"])
def test_what_is_broken_on_the_way_from_the_cell_stops_training_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    step = PickPlaceEnv.step

    def broken(env: PickPlaceEnv, action: Any) -> Any:
        observation, reward, *others = step(env, action)
        if "new_obs" in place:
            observation[31] = np.inf
        return observation, reward if "new_obs" in place else math.nan, *others

    monkeypatch.setattr(PickPlaceEnv, "step", broken)
    told = rf"training seed 5, step 2: environment 0: {place}, is not finite \(reward terms {{'reach': "
    with pytest.raises(FloatingPointError, match=told):
        train(config_file(tmp_path, **FROM_SCRATCH), 5, tmp_path / "run", resume=False)


def test_actions_that_are_no_numbers_stop_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_file(tmp_path, **FROM_SCRATCH)
    diverged = load(TrainingConfig, "agents", config).model_copy(update={"log_std": 1000.0})  # which no file may say
    monkeypatch.setattr(train_command, "load", lambda *_: diverged)
    with pytest.raises(FloatingPointError, match=r"actions, entry 0, is not finite .* a smaller learning rate"):
        train(config, 0, tmp_path / "run", resume=False)


def test_outcomes_are_those_of_the_same_episodes_with_labels(tmp_path: Path) -> None:
    assert train(config_file(tmp_path, total_steps=0, cloning={"steps": 400}), 0, tmp_path / "run", resume=False) == 0
    cells = [load_cell("pick_place"), load_cell("conveyor_pick")]
    actor, seeds = Actor(plain_layers(run_folder.load_model(tmp_path / "run")), 0.0), [5, 6, 7, 8]
    played, rows = outcomes(cells, actor, seeds), collect(cells, "oracle", actor, seeds)
    ends = np.flatnonzero(rows.terminated | rows.truncated)
    steps = np.diff(ends, prepend=-1)
    assert len(ends) == len(seeds) and np.allclose(played.time_s, steps / cells[0].rates.policy_hz)
    assert not (played.success & ~rows.terminated[ends]).any()


def test_demonstrations_depend_on_their_seeds_alone() -> None:
    cell = load(CellConfig, "cells", "pick_place")
    together = collect([cell], "oracle", Actor(None, 0.1), [5, 6])
    apart = joined_transitions([collect([cell], "oracle", Actor(None, 0.1), [seed]) for seed in (5, 6)])
    assert (together.observations == apart.observations).all()
    assert (together.actions != together.labels).any()
    assert together.terminated.sum() + together.truncated.sum() == 2
