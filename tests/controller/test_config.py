from __future__ import annotations

from pathlib import Path

import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import default_names, load, locate, merged, parse, read_yaml
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
