from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from robocell_controller.arm.stations import CameraMountConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.cell.recipe import PatternConfig, RecipeConfig, load_recipe
from robocell_controller.config import load, locate, read_yaml
from robocell_controller.errors import InputError

CELLS = {"kitting": "kitting", "sort": "sort", "shift": "shift"}
FAR = {"centre_m": [0.48, 0.30], "yaw_rad": 0.0, "rows": 3, "columns": 3, "pitch_m": [0.08, 0.08]}
CAMERA = {"lens_m": [0.48, -0.18, 0.95], "view_rad": 0.7, "post_m": [0.12, -0.42]}
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
        (
            {"order": _line(variant="gizmo")},
            r"order\.0\.variant: gizmo: no such file; expected a YAML .* block",
        ),
        ({"order": _line(tray="crate")}, r"order\[0\]\.tray: 'crate' to be one of kit"),
        ({"order": _line(slots=[9])}, r"order\[0\]\.slots: 9 to be one of 0 to 8"),
        ({"order": _line(slots=[1, 1])}, r"order\[0\]\.slots: 1 .*named once"),
        ({"rejects": "scrap"}, r"rejects: 'scrap' to be one of the bins \(none\)"),
        ({"infeed": None}, r"infeed: parts by both or neither"),
        ({"infeed": {**FAR, "centre_m": [0.48, -0.18], "rows": 1}}, r"3 places to be enough for 9 parts"),
        ({"belt_stops": True}, r"belt_stops: true to go with parts that come on a belt"),
        ({"trays": {"kit": FAR}}, r"kit: place 2 at \(0\.400, 0\.380\) m; expected in reach"),
        ({"bins": {"scrap": {**ON_KIT, "wall_height_m": 0.03}}}, r"kit: overlaps scrap"),
        ({"camera": {**CAMERA, "post_m": [0.60, 0.28]}}, r"kit: overlaps the camera's post"),
        ({"camera": {**CAMERA, "post_m": [0.60, -0.40]}}, r"camera\.post_m: .*expected 0\.14 m beside the workspace"),
        (
            {"camera": {**CAMERA, "lens_m": [0.48, -0.18, 0.8]}},
            r"camera\.lens_m: 0\.8 m high; expected at least 0\.90 m",
        ),
        (
            {"camera": {**CAMERA, "view_rad": 0.4}},
            r"camera: does not see parts at \(0\.60, -0\.0.\) m; expected a view",
        ),
        ({"camera": {**CAMERA, "view_rad": 3.2}}, r"camera\.view_rad \(line \d+\): 3\.2"),
    ],
)
def test_a_bad_recipe_meets_one_clear_error(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        _load(_changed("kitting", changes, tmp_path), "kitting")


def test_a_camera_must_see_the_belt_as_far_as_the_arm_picks_from_it(tmp_path):
    for y, seen in ((-0.18, True), (-0.02, False)):
        path = _changed("shift", {"camera": {**CAMERA, "lens_m": [0.48, y, 0.95], "view_rad": 0.6}}, tmp_path)
        if seen:
            assert _load(path, "shift").camera
        else:
            with pytest.raises(InputError, match=r"camera: does not see parts at \(0\..., -0\.3.\) m"):
                _load(path, "shift")


def _changed(name: str, changes: dict[str, Any], folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**read_yaml(locate("recipes", name)), **changes}))
    return path


def test_a_camera_sees_a_cone_below_it():
    camera = CameraMountConfig(lens_m=[0.5, 0.0, 1.0], view_rad=np.pi / 2, post_m=[0.0, 0.0])
    assert camera.sees([0.5, 0.29, 0.7]) and not camera.sees([0.5, 0.31, 0.7])
    assert not camera.sees([0.5, 0.0, 1.1])


def test_places_turn_with_their_station():
    pattern = PatternConfig(centre_m=[0.5, 0.1], yaw_rad=np.pi / 2, rows=2, columns=3, pitch_m=[0.1, 0.06])
    assert pattern.place(0) == pytest.approx((0.56, 0.05))
    assert pattern.place(5) == pytest.approx((0.44, 0.15))
    assert pattern.covers(np.array([0.58, 0.1, 0.0])) and not pattern.covers(np.array([0.5, 0.21, 0.0]))
