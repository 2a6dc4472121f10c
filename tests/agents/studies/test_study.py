"""A study: the same whatever stopped it, refused when it is another one, and its page and plots kept up to date."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from robocell_agents.evaluation.evaluate import evaluate
from robocell_agents.results.regenerate import regenerate
from robocell_agents.studies.config import load_study
from robocell_agents.studies.study import JOURNAL, study
from robocell_controller.commands.cli import execute
from robocell_controller.config import default_names
from robocell_controller.errors import InputError

ROOT = Path(__file__).parents[3]
PAIR = "pair.yaml"
CONTENT = {
    "contestants": {
        "twins": ["program:guided", "program:oracle"],
        "guided": ["program:guided"],
        "oracle": ["program:oracle"],
    },
    "suites": ["nominal"],
    "changes": ["heavier"],
    "episodes": {"suites": 4, "changes": 3},
    "seeds": "tuning",
    "shifts": {
        "cell": PAIR,
        "episodes": 3,
        "window_s": 1.0,
        "changes": {"late": {"at_s": 2.0, "faults": {"actuation_delay_ms": [40.0, 40.0]}}},
    },
}
TWO_PARTS = {"order": [{"variant": "block", "tray": "kit", "slots": [2, 5]}]}
MADE_WITH = ("command", "hardware", "git")
CHUNKS = 4 * 3 + 4 * 2  # entries × (nominal, within, beyond), and two chunks of shifts for each


def _file(folder: Path, **keys: Any) -> Path:
    content = {**CONTENT, "out": str(folder / "out"), **keys}
    if content["shifts"]["cell"] == PAIR:  # wherever the study's file lies
        content["shifts"] = {**content["shifts"], "cell": str(Path(PAIR).resolve())}
    return _write(folder / "small.yaml", content)


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.fixture(scope="module", autouse=True)
def done(tmp_path_factory):
    """A finished study; its shifts' cell stays in the working directory of all tests."""
    folder, before = tmp_path_factory.mktemp("study"), Path.cwd()
    _write(folder / "two.yaml", {"extends": "kitting", **TWO_PARTS})
    _write(folder / PAIR, {"extends": "kitting", "simulation": {"recipe": "two.yaml"}})
    os.chdir(folder)
    path = _file(folder)
    document, out = study(path, 1)
    yield path, document, out
    os.chdir(before)


@pytest.fixture
def copy(done, tmp_path):
    """A finished study, free to be changed."""
    shutil.copytree(done[2], tmp_path / "out")
    return _file(tmp_path), tmp_path / "out"


def _outcome(document):
    return {key: value for key, value in document.items() if key not in MADE_WITH}


def test_every_entry_meets_the_same_episodes_as_in_evaluate(done):
    _, document, _ = done
    assert list(document["conditions"]) == ["nominal", "heavier/within", "heavier/beyond"]
    nominal = document["conditions"]["nominal"]["entries"]
    assert list(nominal) == ["twins 1", "twins 2", "guided", "oracle"]
    alone = evaluate("program:guided", "nominal", 4, "tuning")
    assert {key: nominal["guided"][key] for key in ("success", "cycle_time_s", "failures", "peak_force_n")} == {
        key: alone[key] for key in ("success", "cycle_time_s", "failures", "peak_force_n")
    }
    assert nominal["twins 1"]["against_reference"]["parts_per_hour_ratio"] == 1.0
    assert nominal["twins 1"]["cycle_time_s"] == nominal["guided"]["cycle_time_s"] != nominal["oracle"]["cycle_time_s"]
    assert document["recipes"].keys() == {"twins"} and document["shifts"]["late"]["at_s"] == 2.0
    assert [len(each["shifts"]) for each in document["shifts"]["late"]["entries"].values()] == [3] * 4


def test_a_killed_study_goes_on_and_ends_as_one_that_was_not_killed(done, tmp_path):
    path, journal = _file(tmp_path), tmp_path / "out" / JOURNAL
    code = f"from robocell_agents.studies.study import study\nstudy({str(path)!r}, 1)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b"\n") < 4):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    finished = journal.read_bytes().count(b"\n") - 1
    assert 3 <= finished < CHUNKS and not (tmp_path / "out" / "study.json").exists()
    with journal.open("a") as file:
        file.write('{"chunk": "cut sh')
    document, _ = study(path, 2)
    assert _outcome(document) == _outcome(done[1])
    assert journal.read_bytes().count(b"\n") == 1 + CHUNKS


def test_a_finished_study_is_only_written_again(done, copy):
    path, out = copy
    before = (out / JOURNAL).read_bytes()
    document, _ = study(path, 1)
    assert _outcome(document) == _outcome(done[1]) and (out / JOURNAL).read_bytes() == before


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"episodes": {"suites": 4, "changes": 2}}, r"study\.journal: episodes\.changes: 2; expected 3 as the study"),
        ({"seeds": "validation"}, r"study\.journal: seeds: \"validation\"; expected \"tuning\""),
        ({"changes": ["heavier", "lighter"]}, r"study\.journal: changes"),
        ({"shifts": {**CONTENT["shifts"], "window_s": 5.0}}, r"study\.journal: shifts\.window_s: 5\.0; expected 1\.0"),
    ],
)
def test_a_study_with_another_config_is_not_gone_on_with(copy, keys, message):
    path, out = copy
    with pytest.raises(InputError, match=message):
        study(_file(path.parent, **keys), 1)
    assert (out / "study.json").exists()


def test_a_study_with_another_policy_or_other_code_is_not_gone_on_with(copy):
    path, out = copy
    lines = re.sub(r', "crc32": \d+', "", (out / JOURNAL).read_text()).splitlines(keepends=True)
    problem = json.loads(lines[0])
    problem["problem"]["sha256"]["contestants"]["oracle"] = "of another policy"
    (out / JOURNAL).write_text(json.dumps(problem) + "\n" + "".join(lines[1:]))
    with pytest.raises(InputError, match=r"sha256\.contestants\.oracle"):
        study(path, 1)
    (out / JOURNAL).write_text(lines[0] + lines[1].replace('"time_s": ', '"time_s": 1') + "".join(lines[2:]))
    with pytest.raises(InputError, match="other outcomes now; expected the code that the study was begun with"):
        study(path, 1)


@pytest.mark.parametrize(
    "line", ["{}", "[]", '{"chunk": "a", "worker_s": 1.0}', '{"chunk": "a", "worker_s": 1, "rows": 3}']
)
def test_a_damaged_line_of_a_journal_is_refused(copy, line):
    path, out = copy
    with (out / JOURNAL).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"study\.journal: a line that is none of its own"):
        study(path, 1)


def test_damage_and_a_line_that_was_cut_short_are_said(copy, capsys):
    path, out = copy
    content = (out / JOURNAL).read_bytes()
    (out / JOURNAL).write_bytes(content + b'{"chunk": "cut sh')
    study(path, 1)
    assert f"breaks off after {1 + CHUNKS} lines: 17 bytes" in capsys.readouterr().err
    assert (out / JOURNAL).read_bytes() == content
    (out / JOURNAL).write_bytes(content.replace(b'"time_s": ', b'"time_s": 1', 1))
    with pytest.raises(InputError, match="line 2 with a wrong checksum"):
        study(path, 1)


@pytest.mark.parametrize("text", ["not a journal\n", "{}\n"])
def test_another_file_in_the_journals_place_is_refused(tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / JOURNAL).write_text(text)
    with pytest.raises(InputError, match="the journal of a study"):
        study(_file(tmp_path), 1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"contestants": {"oracle": ["program:oracle"]}}, "program:guided among the contestants"),
        ({"contestants": {"guided": ["program:guided"], "x": ["no/such/run"]}}, "no/such/run: neither"),
        (
            {"contestants": {"guided": ["program:guided"], "a": ["program:oracle"] * 2, "a 1": ["program:oracle"]}},
            "contestants: two of one name",
        ),
        ({"changes": ["heavyer"]}, r"small\.yaml: changes\.0: heavyer: no such file"),
        ({"changes": ["heavier", "heavier"]}, r"small\.yaml: changes .*each once, and not heavier again"),
        ({"episodes": {"suites": 10**7, "changes": 3}}, r"small\.yaml: episodes\.suites .*: 10000000; expected less"),
        ({"suites": []}, "suites"),
        ({"seeds": "lucky"}, r"seeds \(line \d+\): 'lucky'"),
        ({"episodes": {"suites": 1, "changes": 0}}, r"episodes\.changes"),
        ({"episode": 1}, r"episode \(line \d+\): unknown key"),
        ({"shifts": {**CONTENT["shifts"], "cell": "pick_place"}}, r"shifts\.cell: pick_place; expected a cell with a"),
        (
            {"shifts": {**CONTENT["shifts"], "changes": {"odd": {"at_s": 1.0, "faults": {"rust": 1}}}}},
            r"shifts\.changes\.odd\.faults\.rust",
        ),
    ],
)
def test_bad_studies_are_named_before_anything_is_played(tmp_path, keys, message):
    with pytest.raises(InputError, match=message):
        study(_file(tmp_path, **keys), 1)
    assert not (tmp_path / "out").exists()


def test_the_default_study_plays_every_change_within_and_beyond():
    what = load_study("adaptivity")
    kinds = {name: case.kind for name, case in what.cases.items()}
    assert {name for name in kinds if kinds[name] == "beyond"} == {
        f"{name}/beyond" for name in default_names("changes")
    }
    assert [name for name in kinds if kinds[name] == "nominal"] == ["nominal", "conveyor_pick"]
    assert {"program:guided", "program:rigid", "program:oracle"} < set(what.entries.values())


def test_a_thousand_episodes_are_played_of_what_the_default_study_plays():
    what, default = load_study("thousand"), load_study("adaptivity")
    assert set(what.cases) == {name for name, case in default.cases.items() if case.kind != "shift"}
    for name, case in what.cases.items():
        assert case.cell.model_dump_json() == default.cases[name].cell.model_dump_json(), name
    assert {case.episodes for case in what.cases.values()} == {1000}


def test_the_choice_is_among_all_seeds_of_the_adaptive_recipe_and_not_on_test_seeds():
    what = load_study("choice")
    trainings = yaml.safe_load((ROOT / "configs/studies/adaptive_seeds.yaml").read_text(encoding="utf-8"))
    runs = [f"{trainings['runs']}/pick_place/adaptive-{seed}" for seed in trainings["seeds"]]
    assert list(what.entries.values()) == [*runs, "program:guided"]
    assert what.config.seeds == "validation"
    manifest = json.loads((ROOT / "results/policies/adaptive/manifest.json").read_text(encoding="utf-8"))
    conditions = json.loads((ROOT / "results/choice/study.json").read_text(encoding="utf-8"))["conditions"].values()
    lost = {entry: sum(_lost(condition, entry) for condition in conditions) for entry in what.entries}
    assert min(lost, key=lost.__getitem__) == f"seed_{manifest['created_by']['training']['seed']}"


def _lost(condition, entry):
    success = condition["entries"][entry]["success"]
    return round(success["n"] * (1.0 - success["rate"]))


def test_the_command_shows_the_ratios_and_says_where_the_rest_is(copy, capsys):
    path, out = copy
    assert execute(["study", str(path), "--workers", "1"]) == 0
    shown = capsys.readouterr()
    assert "geometric mean" in shown.out and "twins 2" in shown.out
    assert f"results, tables and plots are in {out}" in shown.err.replace("\n", "")


@pytest.fixture
def published(done, tmp_path):
    """The results with this study as the one that the page of results tells of."""
    shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("adaptivity"))
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(done[2], tmp_path / "results" / "adaptivity")
    shutil.copy(ROOT / "README.md", tmp_path)
    regenerate(tmp_path / "results", check=False)
    return tmp_path / "results"


def test_the_page_of_results_is_given_the_ratios_and_the_studys_page_the_conditions_too(published):
    text = (published.parent / "docs" / "results.md").read_text(encoding="utf-8")
    page = (published / "adaptivity" / "study.md").read_text(encoding="utf-8")
    assert "| oracle | guided | " in text and "heavier/beyond" not in text
    assert "heavier/beyond" in page and "| 100.0 % | 43.9-100.0 % (n=3) | " in page
    assert "| twins | beyond | 100.0 % (100.0-100.0) | " in text
    assert regenerate(published, check=True) == 0


@pytest.mark.parametrize("name", ["study.md", "success.svg", "pace.svg", "shifts.svg"])
def test_a_missing_page_or_plot_is_stale_and_made_again(published, name):
    made = (published / "adaptivity" / name).read_bytes()
    (published / "adaptivity" / name).unlink()
    assert regenerate(published, check=True) == 1
    assert regenerate(published, check=False) == 0
    assert (published / "adaptivity" / name).read_bytes() == made


def test_a_changed_figure_makes_page_and_plots_stale(published, capsys):
    path = published / "adaptivity" / "study.json"
    path.write_text(path.read_text().replace('"drops": 0', '"drops": 7'))
    assert regenerate(published, check=True) == 1
    said = capsys.readouterr().err
    for name in ("study.md", "success.svg", "pace.svg", "shifts.svg"):
        assert f"{name}: stale" in said
    assert regenerate(published, check=False) == 0
    assert regenerate(published, check=True) == 0


def test_a_file_that_is_no_study_is_refused(published):
    (published / "adaptivity" / "study.json").write_text("{}")
    with pytest.raises(InputError, match="no key 'study'; expected a file that robocell study wrote"):
        regenerate(published, check=True)
