from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from robocell_controller.cell import CellConfig
from robocell_controller.config import load, locate, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.recipe import PatternConfig, RecipeConfig, load_recipe

CELLS = {"kitting": "kitting", "sort": "sort", "shift": "shift"}
FAR = {"centre_m": [0.48, 0.30], "yaw_rad": 0.0, "rows": 3, "columns": 3, "pitch_m": [0.08, 0.08]}
ON_KIT = {"centre_m": [0.60, 0.18], "yaw_rad": 0.4, "rows": 1, "columns": 1, "pitch_m": [0.06, 0.06]}


def _load(path: str | Path, cell_name: str) -> RecipeConfig:
    cell = load(CellConfig, "cells", cell_name)
    return load_recipe(str(path), cell.belt, cell.motion, cell.load_robot())


@pytest.mark.parametrize("name", CELLS)
def test_the_shipped_recipes_fit_their_cells(name):
    recipe = _load(name, CELLS[name])
    assert recipe.parts == sum(len(line.slots) for line in recipe.order) > 5


def _line(**changes):
    return [{"variant": "block", "tray": "kit", "slots": [0], **changes}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": _line(variant="gizmo")}, r"order\[0\]\.variant: 'gizmo'; expected a YAML file or one of block"),
        ({"order": _line(tray="crate")}, r"order\[0\]\.tray: 'crate' to be one of kit"),
        ({"order": _line(slots=[9])}, r"order\[0\]\.slots: 9 to be one of 0 to 8"),
        ({"order": _line(slots=[1, 1])}, r"order\[0\]\.slots: 1 .*named once"),
        ({"rejects": "scrap"}, r"rejects: 'scrap' to be one of the bins \(none\)"),
        ({"infeed": None}, r"infeed: parts by both or neither"),
        ({"infeed": {**FAR, "centre_m": [0.48, -0.18], "rows": 1}}, r"3 places to be enough for 9 parts"),
        ({"belt_stops": True}, r"belt_stops: true to go with parts that come on a belt"),
        ({"trays": {"kit": FAR}}, r"kit: place 2 at \(0\.400, 0\.380\) m; expected in reach"),
        ({"bins": {"scrap": {**ON_KIT, "wall_height_m": 0.03}}}, r"kit: overlaps scrap"),
    ],
)
def test_a_bad_recipe_meets_one_clear_error(changes, message, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**read_yaml(locate("recipes", "kitting")), **changes}))
    with pytest.raises(InputError, match=message):
        _load(path, "kitting")


def test_places_turn_with_their_station():
    pattern = PatternConfig(centre_m=[0.5, 0.1], yaw_rad=np.pi / 2, rows=2, columns=3, pitch_m=[0.1, 0.06])
    assert pattern.place(0) == pytest.approx((0.56, 0.05))
    assert pattern.place(5) == pytest.approx((0.44, 0.15))
    assert pattern.covers(np.array([0.58, 0.1, 0.0])) and not pattern.covers(np.array([0.5, 0.21, 0.0]))
