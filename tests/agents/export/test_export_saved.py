from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from elsewhere import learned, normalised, observations, saved
from torch import nn

from robocell_agents.acting.actors import load_actor
from robocell_agents.acting.run_folder import load_model, write_config
from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.export import export as export_module
from robocell_agents.export.export import export_saved
from robocell_agents.files import read_json, write_json
from robocell_agents.saved_files import SavedFiles
from robocell_controller.bundle.bundle import CARD, EVALUATION, load_bundle
from robocell_controller.bundle.golden import TOLERANCE
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.config import load
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAMPLES", "LEARNED"):
        monkeypatch.setattr(export_module, name, 40)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert execute([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_the_bundle_acts_as_the_policy_behind_its_normaliser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = normalised()
    model = learned("PPO", env)
    files, out = saved(tmp_path, model, env, trust=False), tmp_path / "bundle"
    evaluation = {"success": {"rate": 0.5, "low": 0.4, "high": 0.6, "n": 100}, "command": "robocell evaluate mine.zip"}
    write_json(tmp_path / "evaluation.json", evaluation)
    order = ["export", files.policy, "--cell", "pick_place", "--normaliser", files.normaliser, "--out", out]
    order += ["--evaluation", tmp_path / "evaluation.json", "--epoch", 3]
    assert "not made here" in refusal(capsys, *order)
    assert execute([str(word) for word in (*order, "--trust-pickle")]) == 0
    bundle, rows = load_bundle(out, load(CellConfig, "cells", "pick_place")), observations()
    wanted, _ = model.predict(env.normalize_obs(rows), deterministic=True)
    np.testing.assert_allclose([bundle.policy.act(row) for row in rows], wanted, atol=TOLERANCE)
    assert (bundle.manifest.name, bundle.manifest.epoch, bundle.contract.cell) == ("mine", 3, "pick_place")
    assert read_json(out / EVALUATION, "") == evaluation
    card = (out / CARD).read_text()
    assert "Trained elsewhere" in card and "SHA-256 of statistics.pkl" in card and "0.4000 to 0.6000" in card
    assert "seed |" not in card and "config |" not in card
    assert "no normaliser" not in capsys.readouterr().err


def test_a_policy_without_one_is_exported_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = saved(tmp_path, learned("TD3", PickPlaceEnv()))
    order = ["export", files.policy, "--cell", "kitting", "--out", tmp_path / "bundle", "--name", "kits"]
    assert execute([str(word) for word in order]) == 0
    assert "mine.zip: no normaliser given: observations go in as they are" in capsys.readouterr().err
    bundle = load_bundle(tmp_path / "bundle", load(CellConfig, "cells", "kitting"))
    assert (bundle.manifest.name, bundle.contract.cell) == ("kits", "kitting")
    assert "as they are, no normaliser" in (tmp_path / "bundle" / CARD).read_text()


class Heavy(nn.Module):
    """A layer of operators that the controller does not let in."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.sort(values).values


@pytest.mark.parametrize(("activation", "named"), [(nn.Softplus, "'Softplus'"), (Heavy, "'TopK'")])
def test_what_the_controller_would_not_run_is_refused_by_name(activation: type, named: str, tmp_path: Path) -> None:
    files = saved(tmp_path, learned("PPO", PickPlaceEnv(), {"activation_fn": activation}))
    with pytest.raises(InputError, match=rf"policy\.onnx: {named}; expected Add, Clip"):
        export_saved(files, "pick_place", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_options_that_do_not_belong_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zipped, out = tmp_path / "mine.zip", tmp_path / "out"
    assert "--cell: missing; expected the cell that" in refusal(capsys, "export", zipped, "--out", out)
    assert "--cell: pick_place for runs/x; expected" in refusal(
        capsys, "export", "runs/x", "--cell", "pick_place", "--out", out
    )
    assert "--evaluation: e.json for runs/x" in refusal(
        capsys, "export", "runs/x", "--evaluation", "e.json", "--out", out
    )
    for command in (["export", "--out", out], ["evaluate"], ["record", "--out", tmp_path / "m.gif"]):
        first, *rest = command
        assert "--normaliser: v.pkl for runs/x" in refusal(capsys, first, "runs/x", *rest, "--normaliser", "v.pkl")
    assert "mine.zip: No such file" in refusal(capsys, "export", zipped, "--cell", "pick_place", "--out", out)
    assert "nowhere: no such file" in refusal(capsys, "export", zipped, "--cell", "nowhere", "--out", out)


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """A run folder into which somebody has put a policy that has learned behind a normaliser."""
    run, env = tmp_path / "run", normalised()
    run.mkdir()
    files = saved(run, learned("PPO", env), env)
    files.policy.rename(run / "policy.zip")
    files.normaliser.rename(run / "vecnormalize.pkl")
    write_config(run / "config.yaml", load(TrainingConfig, "agents", "pick_place"))
    write_config(run / "cell.yaml", load(CellConfig, "cells", "pick_place"))
    write_json(run / "run.json", {"status": "finished", "config": "pick_place"})
    return run


def test_a_run_folder_made_by_hand_is_not_read_without_its_normaliser(
    by_hand: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["export", by_hand, "--out", tmp_path / "out"], ["evaluate", by_hand, "--episodes", 1]):
        assert "vecnormalize.pkl: a normaliser beside a run" in refusal(capsys, *command)
    policy, normaliser = by_hand / "policy.zip", by_hand / "vecnormalize.pkl"
    load_actor(str(SavedFiles(policy, normaliser)), load(CellConfig, "cells", "pick_place"))
    normaliser.unlink()
    with pytest.raises(InputError, match=r"policy\.zip: a policy that has learned behind a normaliser; expected"):
        load_model(by_hand)
