from __future__ import annotations

from pathlib import Path

import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import default_names, load, locate, merged, parse, read_config, read_yaml
from robocell_controller.errors import InputError

CELL = read_yaml(locate("cells", "pick_place"))


def test_defaults_are_found_by_name_and_by_path() -> None:
    assert "pick_place" in default_names("cells")
    assert load(CellConfig, "cells", "pick_place") == load(CellConfig, "cells", locate("cells", "pick_place"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": {"policy_hz": "fast"}}, r"x.yaml: rates.policy_hz: 'fast'; expected .*integer"),
        ({"rates": {"controller_hz": 90}}, r"x.yaml: rates: .*whole multiple"),
        ({"motion": {"tcp_speed_m_s": -1.0}}, r"x.yaml: motion.tcp_speed_m_s: -1.0; expected .*greater than 0"),
        ({"motion": {"speed": 1.0}}, r"x.yaml: motion.speed: unknown key; expected one of tcp_speed_m_s, yaw_rate"),
    ],
)
def test_bad_values_are_named_with_file_key_value_and_expectation(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(CellConfig, merged(CELL, changes), "x.yaml")


def test_a_misspelt_key_is_named_rather_than_the_one_it_leaves_missing() -> None:
    content = {("robbot" if key == "robot" else key): value for key, value in CELL.items()}
    with pytest.raises(InputError, match=r"x\.yaml: robbot: unknown key"):
        parse(CellConfig, content, "x.yaml")
    with pytest.raises(InputError, match=r"x\.yaml: robot: missing; expected a value"):
        parse(CellConfig, {key: value for key, value in CELL.items() if key != "robot"}, "x.yaml")


def test_files_that_are_no_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(CellConfig, "cells", tmp_path / "nothing.yaml")
    for text in ("- a list", "a: [", "42"):
        path = tmp_path / "bad.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"bad.yaml"):
            load(CellConfig, "cells", path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_path_is_relative_to_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = write(tmp_path / "base" / "guard.yaml", "extends: patient\n")
    write(tmp_path / "base" / "cell.yaml", "extends: pick_place\nguard: guard.yaml\nsimulation: {recipe: ./r}\n")
    recipe = write(tmp_path / "base" / "r", "extends: kitting\n")
    cell = write(tmp_path / "sub" / "cell.yaml", "extends: ../base/cell.yaml\ncycle_time_limit_s: 6.0\n")
    for folder in (tmp_path / "sub", tmp_path):
        monkeypatch.chdir(folder)
        content = read_config("cells", cell.relative_to(folder))
        assert content["guard"] == str(guard) and content["simulation"]["recipe"] == str(recipe)
        assert (content["robot"], content["cycle_time_limit_s"]) == ("panda", 6.0)
    study = write(tmp_path / "study.yaml", "cells: {base/cell.yaml: [nominal]}\ncontestants: {cell: [runs/mine]}\n")
    assert read_config("studies", study) == {
        "cells": {str(tmp_path / "base/cell.yaml"): ["nominal"]},
        "contestants": {"cell": ["runs/mine"]},
    }


def test_a_name_is_that_of_a_shipped_config_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load(CellConfig, "cells", "conveyor_pick")
    monkeypatch.chdir(tmp_path)
    for name in ("conveyor_pick", "pick_place", "patient", "mine"):
        write(tmp_path / name, "cycle_time_limit_s: 1.0\n")
    assert load(CellConfig, "cells", "conveyor_pick") == shipped
    with pytest.raises(InputError, match=r"mine: no shipped config \(the file is \./mine\)"):
        load(CellConfig, "cells", "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: ./cell.yaml\n", r"cell\.yaml: extends: .*cell\.yaml again"),
        ("extends: ../{folder}/other.yaml\n", r"other\.yaml: extends: .*cell\.yaml again"),
        ("extends: gone.yaml\n", r"cell\.yaml: extends: gone\.yaml: no such file; expected a YAML file or one of"),
        ("extends: nowhere\n", r"cell\.yaml: extends: nowhere: no such file"),
        ("extends: folder.yaml\n", r"cell\.yaml: extends: folder\.yaml: a folder"),
        ("extends: [pick_place]\n", r"cell\.yaml: extends: \['pick_place'\]; expected the name or the file"),
        ("extends: pick_place\nguard: strict\n", r"cell\.yaml: guard: strict: no such file; .*patient, table_top"),
        ("extends: pick_place\nsimulation: {{recipe: my/r.yaml}}\n", r"cell\.yaml: simulation\.recipe: my/r\.yaml: no"),
        ('extends: "x\\0/y"\n', r"cell\.yaml: extends: x.*: no such file"),
        ("extends: pick_place\nrates:\n  policy_hz: fast\n", r"cell\.yaml: rates\.policy_hz \(line 3\): 'fast'"),
        ("extends: bad.yaml\nrates: {{controller_hz: 125}}\n", r"bad\.yaml: rates\.policy_hz \(line 3\): 'slow'"),
        (
            "extends: pick_place\nrates: {{policy: 1}}\n",
            r"cell\.yaml: rates\.policy \(line 2\): unknown key",
        ),
        ("rates: {{policy_hz: 25}}\nrobot: panda\n", r"cell\.yaml: rates\.controller_hz \(line 1\): missing"),
        ("robot: panda\n", r"cell\.yaml: rates: missing"),
    ],
)
def test_an_error_names_the_file_that_is_to_be_mended(tmp_path: Path, text: str, message: str) -> None:
    cell = write(tmp_path / "cell.yaml", text.format(folder=tmp_path.name))
    write(tmp_path / "other.yaml", "extends: ./cell.yaml\n")
    write(tmp_path / "bad.yaml", "extends: pick_place\nrates:\n  policy_hz: slow\n")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(InputError, match=message):
        load(CellConfig, "cells", cell)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("x" * 300 + ".yaml", "", "a\0.yaml", "/"):
        with pytest.raises(InputError, match="expected a YAML file or one of"):
            locate("cells", name)
