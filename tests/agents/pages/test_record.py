from __future__ import annotations

from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import yaml
from full_disk import largest_file
from PIL import Image

from robocell_agents.acting.actors import load_actor
from robocell_agents.pages import record as module
from robocell_agents.pages.overlay import HEIGHT, WIDTH, Gauge, Moment, Tally, overlay
from robocell_agents.pages.record import Shot, record, state, tally
from robocell_agents.seeds import episode_seeds
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_envs.cell_env import PickPlaceEnv

FRAMES, PAUSE = 3, 25  # of an episode that is cut off after two policy periods, and at its end
CYCLE = {"success": True, "time_s": 2.0, "drops": 0, "failure": None}
CYCLE |= {"placement_error_m": 0.001, "peak_force_n": 30.0, "energy_j": 50.0}


@pytest.fixture
def suite(tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / "short.yaml"
    path.write_text(yaml.safe_dump({"cell": "pick_place", "conditions": {"short": {"cycle_time_limit_s": 0.08}}}))
    return str(path)


@pytest.fixture
def no_drawing(monkeypatch):
    monkeypatch.setattr(module, "draw", lambda world, camera: np.full((720, 960, 3), 200.0))


def _shot(suite: str, *seeds: int, camera: str = "side") -> Shot:
    return Shot("program:guided", list(seeds), camera, suite, "short")


def test_mp4_is_in_real_time_and_shows_the_cell(suite, tmp_path):
    path = tmp_path / "new folder" / "pick.mp4"
    assert record(_shot(suite, 5), path) == Tally(0, 1, None, 0.0)
    film, facts = iio.imread(path), iio.immeta(path)
    assert film.shape == (FRAMES + PAUSE, 480, 640, 3)
    assert facts["fps"] == 25 and facts["codec"] == "h264"
    assert len(np.unique(film[0, HEIGHT:].reshape(-1, 3), axis=0)) > 1000
    assert [entry.name for entry in path.parent.iterdir()] == ["pick.mp4"]


@pytest.mark.parametrize("name", ["pick.mp4", "pick.gif"])
def test_a_movie_that_finds_no_room_is_an_error_that_names_it(suite, tmp_path, no_drawing, name):
    (tmp_path / name).write_text("old")
    with largest_file(4000), pytest.raises(OSError, match="File too large") as caught:
        record(_shot(suite, 5), tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "old")]


def test_episodes_follow_one_another_and_gif_has_both_cameras(suite, tmp_path, no_drawing):
    path = tmp_path / "pick.GIF"
    assert record(_shot(suite, 5, 6, camera="both"), path).tried == 2
    durations = []
    with Image.open(path) as film:
        assert film.size == (2 * 640, 480)
        for index in range(film.n_frames):
            film.seek(index)
            durations.append(film.info["duration"])
    assert sum(durations) == 40 * (2 * (FRAMES + PAUSE) - 1) + 1500


def test_a_recipe_is_recorded_to_its_last_part(tmp_path, monkeypatch, no_drawing):
    path, moments = tmp_path / "short.yaml", []
    path.write_text(yaml.safe_dump({"cell": "sort", "conditions": {"short": {"cycle_time_limit_s": 0.08}}}))
    monkeypatch.setattr(module, "overlay", lambda picture, moment: moments.append(moment) or picture)
    assert record(_shot(str(path), 5), tmp_path / "sort.gif").tried == 6
    assert [moment.time for moment in moments] == pytest.approx([0.0] + [0.04, 0.08] * 6)
    assert moments[0].subtitle.endswith("part 1 of 6") and moments[-1].subtitle.endswith("part 6 of 6")
    assert [moment.tally.tried for moment in moments[::2]] == list(range(7))


@pytest.mark.parametrize(
    ("change", "out", "message"),
    [
        ({}, "pick.avi", r"pick\.avi: ending '\.avi'; expected \.mp4 or \.gif"),
        ({}, "pick", "ending ''"),
        ({}, "file/pick.mp4", "a place to write to"),
        ({"camera": "front"}, "pick.mp4", "camera: 'front'; expected one of side, top, both"),
        ({"condition": "odd"}, "pick.mp4", "condition: 'odd'; expected one of nominal"),
        ({"suite": "no_such"}, "pick.mp4", "no_such"),
        ({"policy": "program:clever"}, "pick.mp4", "no such program"),
    ],
)
def test_bad_input_is_one_clear_error(change, out, message, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        record(Shot(**{"policy": "program:guided", "seeds": [5], **change}), tmp_path / out)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["pick.mp4", "pick.gif"])
def test_what_is_cut_short_leaves_the_old_film(suite, tmp_path, monkeypatch, no_drawing, name):
    def interrupted(picture: Image.Image, moment: Moment) -> Image.Image:
        if moment.time > 0.0:
            raise KeyboardInterrupt
        return picture

    (tmp_path / name).write_text("old")
    monkeypatch.setattr(module, "overlay", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record(_shot(suite, 5), tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_states_follow_the_cycle():
    env = PickPlaceEnv()
    actor, words, info = load_actor("program:oracle", env.cell), [], {}
    observation, _ = env.reset(seed=0)
    while "cycle" not in info:
        words.append(state(env, None))
        observation, _, _, _, info = env.step(actor.act(env, observation))
    words.append(state(env, info["cycle"]))
    env.close()
    assert list(dict.fromkeys(words)) == ["approach", "holding", "released", "placed"]
    assert state(env, {"success": False, "failure": "not_picked"}) == "failed: not picked"


def test_tally_follows_evaluate():
    assert tally([]) == Tally(0, 0, None, None)
    failed = {**CYCLE, "success": False, "time_s": 5.0, "failure": "dropped"}
    assert tally([CYCLE, failed, {**CYCLE, "time_s": 3.0}]) == Tally(2, 3, 2.5, pytest.approx(3600 * 2 / 10))


def _moment(**changes) -> Moment:
    values = {
        "title": "program:guided",
        "subtitle": "episode 1 of 3 · seed 3000000 · nominal",
        "state": "approach",
        "time": 0.6,
        "gauges": (Gauge("width", "62 mm", 0.8), Gauge("effort", "0 N", 0.0)),
        "action": np.zeros(5, dtype=np.float32),
        "tally": Tally(0, 0, None, None),
    }
    return Moment(**{**values, **changes})


def test_the_strip_tells_moments_apart_and_hides_nothing_else():
    picture = Image.new("RGB", (WIDTH, 480), (230, 230, 230))
    plain = np.asarray(overlay(picture, _moment()))
    assert (plain[HEIGHT:] == 230).all() and (plain[:HEIGHT] < 230).any(axis=2).mean() > 0.9
    for change in (
        {"title": "runs/mine"},
        {"subtitle": "episode 2 of 3"},
        {"state": "failed: hand not clear"},
        {"time": 0.64},
        {"gauges": (Gauge("width", "62 mm", 0.7),)},
        {"action": np.array([0.0, 0.0, 0.0, 0.0, -0.7])},
        {"tally": Tally(1, 2, 1.64, 2147.0)},
    ):
        assert (np.asarray(overlay(picture, _moment(**change)))[:HEIGHT] != plain[:HEIGHT]).any(), change


def test_a_long_name_leaves_state_and_time_legible():
    picture = Image.new("RGB", (WIDTH, 480))
    right = [np.asarray(overlay(picture, _moment(title=title)))[:, 490:] for title in ("x", "folder/" * 40)]
    assert (right[0] == right[1]).all()


@pytest.mark.parametrize(
    ("options", "seeds"),
    [
        ([], episode_seeds("test", 1)),
        (["--seeds", "tuning", "--episodes", "3"], episode_seeds("tuning", 3)),
        (["--seed", "7", "--episodes", "2"], [7, 8]),
    ],
)
def test_command_records_the_episodes_that_evaluate_plays(options, seeds, monkeypatch, capsys):
    shots = []
    monkeypatch.setattr(module, "record", lambda shot, out: shots.append(shot) or Tally(1, 1, 1.6, 2200.0))
    assert execute(["record", "program:guided", "--out", "pick.mp4", *options]) == 0
    assert shots == [Shot("program:guided", seeds)]
    assert "1 of 1 parts placed" in capsys.readouterr().out


def test_a_development_key_is_called_one(suite, tmp_path, development_bundle, no_drawing, capfd):
    record(replace(_shot(suite, 1), policy=str(development_bundle)), tmp_path / "pick.mp4")
    assert "DEVELOPMENT key" in capfd.readouterr().err
