from __future__ import annotations

import pytest
import yaml

from robocell_controller.config import default_names, load, locate
from robocell_controller.errors import InputError
from robocell_envs.production_env import SortEnv
from robocell_envs.scene.variants import VariantConfig


@pytest.mark.parametrize("name", default_names("parts"))
def test_default_variants_are_plausible(name):
    assert load(VariantConfig, "parts", name).kind


@pytest.mark.parametrize(
    ("changes", "oversize", "message"),
    [
        ({"width_m": 0.0001}, 0.003, r"part\.yaml: width_m \(line \d+\): 0\.0001; expected .* 0\.015"),
        ({"width_m": 0.079}, 0.003, r"part\.yaml: width_m: 0\.082 m; expected at most 0\.070 m, the gripper's stroke"),
        ({"width_m": 0.065}, 0.010, r"part\.yaml: width_m: 0\.075 m; expected at most 0\.070 m, the gripper's stroke"),
        ({"height_m": 0.001}, 0.003, r"part\.yaml: height_m \(line \d+\): 0\.001; expected .* 0\.01"),
        (
            {"density_kg_m3": [1e3, 90e3]},
            0.003,
            r"part\.yaml: density_kg_m3\.1 \(line \d+\): 90000\.0; expected .* 22600",
        ),
        (
            {"density_kg_m3": [20.0, 90.0]},
            0.003,
            r"part\.yaml: density_kg_m3: 20 kg/m³, which makes parts of 0\.0013 kg",
        ),
        ({"friction": [0.5, 50.0]}, 0.003, r"part\.yaml: friction\.1 \(line \d+\): 50\.0; expected"),
        ({"crush_force_n": [0.0, 90.0]}, 0.003, r"part\.yaml: crush_force_n\.0 \(line \d+\): 0\.0; expected"),
    ],
)
def test_a_variant_that_no_hand_can_hold_is_named(changes, oversize, message, tmp_path):
    part, recipe, cell = (tmp_path / f"{name}.yaml" for name in ("part", "recipe", "cell"))
    part.write_text(yaml.safe_dump({**yaml.safe_load(locate("parts", "block").read_text()), **changes}))
    content = yaml.safe_load(locate("recipes", "sort").read_text())
    content["order"][0]["variant"] = str(part)
    recipe.write_text(yaml.safe_dump(content))
    simulation = {"recipe": str(recipe), "supply": {"oversize_m": [0.002, oversize]}}
    cell.write_text(yaml.safe_dump({"extends": "sort", "simulation": simulation}))
    with pytest.raises(InputError, match=message):
        SortEnv(cell)
