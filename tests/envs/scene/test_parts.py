from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.config.simulation import simulation_config
from robocell_envs.scene.parts import draw_part

CELL = load(CellConfig, "cells", "pick_place")
CONFIG = simulation_config(CELL).part
VOLUMES = {"box": 1.0, "cylinder": np.pi / 4, "prism": 3 * np.sqrt(3) / 2 / 3}  # of width² × height


@pytest.mark.parametrize("kind", VOLUMES)
def test_a_part_weighs_what_its_volume_and_density_say(kind):
    config = CONFIG.model_copy(update={"kinds": [kind], "density_kg_m3": [1000.0, 1000.0]})
    for seed in range(5):
        part = draw_part(config, np.random.default_rng(seed))
        assert part.mass == pytest.approx(1000.0 * VOLUMES[kind] * part.width**2 * part.height)


def test_the_recipe_knows_the_crush_force_to_30_percent():
    shares = [
        part.told_crush_force / part.crush_force
        for part in (draw_part(CONFIG, np.random.default_rng(seed)) for seed in range(300))
    ]
    assert 0.7 <= min(shares) < 0.75 and 1.25 < max(shares) <= 1.3


@pytest.mark.parametrize(("kind", "across"), [("box", 1.0), ("cylinder", 1.0), ("prism", 2 / np.sqrt(3))])
def test_bullet_knows_the_shape(kind, across):
    env = PickPlaceEnv()
    scenario = env.plant.draw(0)
    env.begin(replace(scenario, part=replace(scenario.part, kind=kind), part_yaw=0.0))
    world, part = env.plant.world, scenario.part
    lower, upper = (np.array(corner) for corner in world.client.getAABB(world.part))
    env.close()
    margin = 0.003  # m, of Bullet's bounding boxes
    np.testing.assert_allclose(upper - lower, [across * part.width, part.width, part.height], atol=margin)


@pytest.mark.parametrize("kind", ["cylinder", "prism"])
def test_the_guided_program_places_other_kinds(kind):
    assert _played(1, kind=kind)["is_success"]


def test_a_grip_harder_than_a_part_bears_makes_it_scrap():
    cycle = _played(2, crush_force=18.0, told_crush_force=90.0)["cycle"]
    assert cycle["failure"] == "crushed" and cycle["peak_force_n"] > 18.0


@pytest.mark.parametrize("told", [1.0, 1.3])  # of the truth
def test_nobody_grips_harder_than_the_recipe_says_the_part_bears(told):
    info = _played(2, grip=-1.0, crush_force=24.0, told_crush_force=24.0 * told)
    assert info["is_success"] and 0.4 * 24.0 < info["cycle"]["peak_force_n"] < 24.0


def _played(seed: int, grip: float | None = None, **changed: Any) -> dict[str, Any]:
    """Last info of the guided program's episode with a changed part; whenever it grips, with the action ``grip``."""
    env = PickPlaceEnv()
    law = PickPlaceProgram(load_program_config("guided"), CELL.motion, CELL.rates, CELL.load_robot().gripper)
    scenario = env.plant.draw(seed)
    env.begin(replace(scenario, part=replace(scenario.part, **changed)))
    over = False
    while not over:
        action = law.act(env.view).astype(np.float32)
        if grip is not None and action[4] < 0.0:
            action[4] = grip
        _, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    env.close()
    return info
