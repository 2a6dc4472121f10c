"""The speed bench: its floors do what they are called, and what it measures ends up in the tables."""

from __future__ import annotations

import numpy as np
import pytest

from robocell_agents.bench import env as bench
from robocell_agents.bench import floor as bench_floor
from robocell_agents.bench import parts as bench_parts
from robocell_agents.bench import resources as bench_resources
from robocell_agents.pages import tables
from robocell_agents.results import regenerate as results
from robocell_envs.cell_env import ConveyorPickEnv, PickPlaceEnv

OURS = ["RobotCell/PickPlace-v0", "RobotCell/ConveyorPick-v0"]


@pytest.mark.parametrize("kind", [PickPlaceEnv, ConveyorPickEnv])
def test_the_replayed_floor_moves_the_arm_as_the_environment_does(kind: type[PickPlaceEnv]) -> None:
    env, passive = kind(), kind()
    floors = bench_floor.floors(passive, 30)
    actions = np.random.default_rng(0)
    env.reset(seed=0)
    start = env.plant.truth.q
    for _ in range(30):
        env.step(actions.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32))
    for _ in range(2):  # each turn begins anew
        floors["replayed"]()
        moved = passive.plant.world.truth()
        assert np.abs(moved.q - start).max() > 0.1
        np.testing.assert_allclose(moved.q, env.plant.truth.q, atol=2e-3)
    floors["at rest"]()
    resting = passive.plant.world.truth()
    np.testing.assert_allclose(resting.q, start, atol=1e-2)
    assert np.abs(resting.dq).max() < 1e-3
    env.close()
    passive.close()


@pytest.fixture(scope="module")
def document() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "_STEPS", 10)
        patch.setattr(bench_resources, "_STEPS", 2)
        patch.setattr(bench_parts, "_STEPS", 5)
        patch.setattr(bench_resources, "_WARM_UP", 1)
        measured = bench_resources.resources(OURS[0], rounds=1, resets=2)
        patch.setattr(bench, "resources", lambda name, rounds, resets: measured)  # its processes are slow to start
        return bench.bench_env(rounds=1, resets=2)


def test_each_cell_is_measured_against_its_own_floors_and_the_others(document: dict) -> None:
    rivals = {name: list(row["ours_against_it"]) for name, row in document["contestants"].items()}
    for cell in OURS:
        own = [name for name in rivals if name.startswith(cell)]
        assert len(own) == 3 and all(rivals[name] == [cell] for name in own)
        assert document["contestants"][cell]["ours_against_it"][cell] == 1.0
    assert rivals["panda-gym PandaPickAndPlace-v3"] == OURS
    for row in document["contestants"].values():
        assert row["simulated_s_per_cpu_s"] == pytest.approx(row["steps_per_cpu_s"] / 25)  # all act 25 times a second


def test_processes_and_memory_are_measured(document: dict) -> None:
    assert list(document["resources"]) == OURS
    row = document["resources"][OURS[0]]
    ratio = row["steps_per_s_two_processes"] / row["steps_per_s_one_process"]
    assert row["two_processes_against_one"] == pytest.approx(ratio)
    assert 1.0 < row["mib_per_env"] < 80.0
    assert row["resets"] == 2


def test_the_other_parts_of_a_full_cell_rest_out_of_reach() -> None:
    env = PickPlaceEnv()
    env.reset(seed=0)
    bodies = bench_parts.fill(env, 20)
    before = [env.plant.world.position(body) for body in bodies]
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (50, 5)).astype(np.float32):
        env.step(action)
    assert len(bodies) == 19
    np.testing.assert_array_equal([env.plant.world.position(body) for body in bodies], before)
    env.close()


def test_all_of_it_is_in_the_tables(document: dict) -> None:
    speed, resources, parts = tables.bench_tables(document)
    assert (speed.row_count, resources.row_count) == (len(document["contestants"]), len(OURS))
    assert parts.row_count == 2 and document["parts_in_cell"]["against_one_part"] > 0.0
    text = results.speed_tables(document)
    assert all(f"| {name} |" in text for name in document["contestants"])
    assert "PickPlace-v0 against it | ConveyorPick-v0 against it |" in text
    assert text.count("MiB in 2 |") == len(OURS)
