from __future__ import annotations

import hashlib
import multiprocessing
import warnings
from dataclasses import replace
from functools import cache

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load, locate, merged, parse, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.loop.loop import ControlLoop
from robocell_controller.loop.periods import program_actor
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.simulated import SimulatedPlant
from robocell_envs.production_env import KittingEnv, RecipeEnv, ShiftEnv, SortEnv

ENVIRONMENTS = {"Kitting": KittingEnv, "Sort": SortEnv, "Shift": ShiftEnv}
IDLE = np.array([0.0, 0.0, 0.0, 0.0, 1.0], dtype=np.float32)
DROP = np.array([0.0, 0.0, 0.2, 0.0, 1.0], dtype=np.float32)


def _law(env: PickPlaceEnv) -> PickPlaceProgram:
    return PickPlaceProgram(
        load_program_config("guided"), env.cell.motion, env.cell.rates, env.cell.load_robot().gripper
    )


def _play(env: RecipeEnv, seed: int, drop_once: bool = False):
    """An episode of the guided program: digest of all bits, the infos of the cycles' ends, the shift."""
    law, digest, ends, over = _law(env), hashlib.sha256(), [], False
    observation, _ = env.reset(seed=seed)
    while not over:
        digest.update(observation.tobytes())
        dropping = drop_once and env.plant.flow.turn_of == 0 and env.plant.record.drops == 0 and env.plant.now.raised
        action = DROP if dropping else law.act(env.view).astype(np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        digest.update(np.float64(reward).tobytes())
        ends += [info] if "cycle" in info else []
        over = terminated or truncated
    return digest.hexdigest(), ends, info["shift"]


def _fresh(name: str, seed: int) -> str:
    env = ENVIRONMENTS[name]()
    digest, _, _ = _play(env, seed)
    env.close()
    return digest


@cache
def _reference(name: str) -> str:
    return _fresh(name, 5)


@pytest.fixture(params=ENVIRONMENTS)
def env(request):
    env = ENVIRONMENTS[request.param]()
    yield env
    env.close()


@pytest.fixture
def kitting():
    env = KittingEnv()
    yield env
    env.close()


@pytest.fixture
def shift():
    env = ShiftEnv()
    yield env
    env.close()


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("check", [check_env, sb3_check_env])
def test_checkers_pass_without_warnings(name, check):
    env = gymnasium.make(f"RobotCell/{name}-v0").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        check(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_same_seed_same_trajectory_after_other_episodes_and_in_another_process(name):
    env = ENVIRONMENTS[name]()
    other, again = _play(env, 6)[0], _play(env, 5)[0]
    env.close()
    assert again == _reference(name) != other
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_fresh, (name, 5)) == again


def test_the_contract_is_that_of_pick_place(env):
    single = PickPlaceEnv()
    assert env.observation_space == single.observation_space and env.action_space == single.action_space
    single.close()


def test_guided_does_the_recipe_in_its_order(env):
    _, ends, shift = _play(env, 8)
    recipe = env.plant.scenario.recipe
    wanted = [(line.variant, line.tray, slot) for line in recipe.order for slot in line.slots]
    good = [cycle for cycle in shift["cycles"] if not cycle["defect"]]
    done = [(cycle["variant"], cycle["station"], cycle["slot"]) for cycle in good]
    assert [end["cycle"]["part"] for end in ends] == list(range(recipe.parts))
    if recipe.rejects is None:
        assert done == wanted
    for line in recipe.order[:1]:  # shuffled or not, and whatever is rejected, a line fills its slots in order
        slots = [slot for variant, _, slot in done if variant == line.variant][: len(line.slots)]
        assert slots == line.slots[: len(slots)]
    assert shift["quality"] == 1.0 and ends[-1]["is_success"]
    assert shift["placed"] + shift["rejected"] == shift["parts"] == recipe.parts
    assert shift["parts_per_hour"] == pytest.approx(3600 * recipe.parts / env.plant.time)


def test_the_world_is_not_built_anew_between_parts(kitting, monkeypatch):
    kitting.reset(seed=5)
    monkeypatch.setattr(kitting.plant.world, "build", lambda *_: pytest.fail("built anew"))
    before = kitting.plant.read().cycle
    while kitting.plant.flow.turn_of == 0:
        kitting.step(_law(kitting).act(kitting.view).astype(np.float32))
    assert kitting.plant.read().cycle == before + 1
    assert kitting.view.part.symmetry == 4 and kitting.view.part_age >= 0.0


def test_placed_parts_stay_and_are_looked_at_again_in_the_end(kitting):
    law = _law(kitting)
    kitting.reset(seed=5)
    while kitting.plant.flow.turn_of < 8:
        kitting.step(law.act(kitting.view).astype(np.float32))
    world, flow = kitting.plant.world, kitting.plant.flow
    world.client.resetBasePositionAndOrientation(flow._bodies[0], [0.6, 0.3, 0.03], [0.0, 0.0, 0.0, 1.0])
    over = False
    while not over:
        _, _, terminated, truncated, info = kitting.step(law.act(kitting.view).astype(np.float32))
        over = terminated or truncated
    assert info["shift"]["failures"] == {"disturbed": 1} and not info["is_success"]
    assert info["shift"]["cycles"][0]["failure"] == "disturbed"


def test_defective_parts_end_in_the_bin():
    env = SortEnv()
    shift = next(shift for seed in range(5, 20) if (shift := _play(env, seed)[2])["rejected"])
    env.close()
    bad = [cycle for cycle in shift["cycles"] if cycle["defect"]]
    assert {cycle["station"] for cycle in bad} == {"scrap"} and all(cycle["success"] for cycle in bad)
    assert not any(cycle["drops"] for cycle in bad)  # let go over the bin is not dropped


def test_a_defective_part_is_wider_than_told_and_dark():
    env = SortEnv()
    jobs = [job for seed in range(20) for job in env.plant.draw(seed).jobs]
    env.close()
    good, bad = ([job.part for job in jobs if job.part.defective is flag] for flag in (False, True))
    assert 0.15 < len(bad) / len(jobs) < 0.35
    assert all(part.width - part.info.width == pytest.approx(part.oversize) for part in bad)
    assert all(part.width == part.info.width for part in good)
    assert max(max(part.colour) for part in bad) < min(max(part.colour) for part in good)


def test_a_dropped_part_is_counted(kitting):
    _, ends, shift = _play(kitting, 5, drop_once=True)
    assert ends[0]["cycle"]["drops"] == 1 and shift["drops"] >= 1


def test_missed_parts_are_counted_and_the_next_ones_come(shift):
    over, turns = False, []
    shift.reset(seed=5)
    while not over:
        _, _, terminated, truncated, info = shift.step(IDLE)
        turns += [info["cycle"]["part"]] if "cycle" in info else []
        over = terminated or truncated
    assert len(turns) > 10 and turns == sorted(turns)
    assert info["shift"]["failures"] == {"missed": 24} and info["shift"]["parts_per_hour"] == 0.0


@pytest.mark.parametrize(("twisted", "released"), [(0.05, True), (-0.05, True), (0.4, False), (-1.2, False)])
def test_a_part_is_not_let_go_before_it_is_straight(shift, twisted, released):
    shift.reset(seed=0)
    view = shift.view
    there = {"part_position": view.place_position, "part_yaw": view.place_yaw + twisted, "part_lifted": 0.05}
    action = _law(shift).act(replace(view, holding=True, **there))
    assert (action[4] > 0.0) == released
    if not released:
        assert action[3] * twisted < 0.0  # turned back


def test_a_full_tray_is_exchanged(shift):
    law = _law(shift)
    shift.reset(seed=5)
    jobs = shift.plant.scenario.jobs
    first = next(i for i, job in enumerate(jobs) if i and job.slot == jobs[0].slot and job.station == jobs[0].station)
    while shift.plant.flow.turn_of < first:
        shift.step(law.act(shift.view).astype(np.float32))
    there = [job for i, job in enumerate(jobs[:first]) if i in shift.plant.flow._bodies]
    assert all(job.station != "pallet" for job in there)


def test_a_lost_part_leaves_the_cell(kitting):
    kitting.reset(seed=5)
    bodies = kitting.plant.world.client.getNumBodies()
    for _ in range(kitting.cell.steps_per_cycle):
        _, _, _, _, info = kitting.step(IDLE)
    assert info["cycle"]["failure"] == "not_picked" and kitting.plant.flow.turn_of == 1
    assert kitting.plant.world.client.getNumBodies() == bodies - 1


def _speed(world, body: int) -> float:
    velocity, _ = world.client.getBaseVelocity(body)
    return float(np.linalg.norm(velocity))


def test_a_sleeping_part_wakes_when_it_is_touched(kitting):
    kitting.reset(seed=5)
    world, sleeper = kitting.plant.world, kitting.plant.flow._bodies[4]
    for _ in range(25):  # in which it falls asleep, should it have been awake
        kitting.step(IDLE)
    place = world.position(sleeper)
    for _ in range(50):
        kitting.step(IDLE)
    slept = (world.position(sleeper) == place).all()  # to the last bit
    part = kitting.plant.scenario.jobs[4].part
    falling = world.enter(replace(part, mass=0.5), place + np.array([0.01, 0.0, 0.15]), 0.0)
    world.turn_to(falling)  # which wakes it
    woke = 0.0
    for _ in range(10):
        kitting.step(IDLE)
        woke = max(woke, _speed(world, sleeper))
    assert slept and woke > 1e-3 and world.position(falling)[2] > place[2]


def _single(others: int) -> list[bytes]:
    """Positions of the arm over a cycle with other parts at rest beside it."""
    env = PickPlaceEnv()
    env.reset(seed=5)
    part, law, path = env.plant.scenario.part, _law(env), []
    for index in range(others):
        place = np.array([0.0 + 0.06 * (index % 10), -0.48 + 0.06 * (index // 10), part.height / 2])
        env.plant.world.enter(part, place, 0.0)
    for _ in range(75):
        env.step(law.act(env.view).astype(np.float32))
        path.append(env.plant.truth.q.tobytes())
    env.close()
    return path


def test_twenty_resting_parts_do_not_change_the_arms_trajectory():
    assert _single(19) == _single(0)


def _cell(name: str, **changes) -> CellConfig:
    cell = load(CellConfig, "cells", name)
    return cell.model_copy(update={"simulation": merged(cell.simulation, changes)})


def test_a_recipe_and_a_supply_belong_together():
    with pytest.raises(InputError, match=r"simulation\.recipe"):
        KittingEnv(_cell("kitting", recipe=None))
    with pytest.raises(InputError, match=r"simulation\.recipe"):
        KittingEnv("pick_place")
    with pytest.raises(InputError, match="spacing_m"):
        KittingEnv(_cell("kitting", supply={"spacing_m": [0.2, 0.3]}))


def test_the_controller_loop_works_off_a_recipe_and_begins_it_anew():
    cell = _cell("sort")
    plant, flows = SimulatedPlant(cell, 5), []
    law = PickPlaceProgram(load_program_config("guided"), cell.motion, cell.rates, cell.load_robot().gripper)
    loop = ControlLoop(cell, plant, program_actor(law), FreeRunningClock(), on_cycle=lambda _: flows.append(plant.flow))
    summary = loop.run(8)
    plant.close()
    assert summary.placed == 8 and summary.interventions == {}
    assert len({id(flow) for flow in flows}) == 2  # six parts of one recipe in one world, then two of the next


def test_a_belt_that_stops_waits_for_the_pick_and_runs_on(tmp_path):
    path = tmp_path / "stopping.yaml"
    order = [{"variant": "block", "tray": "pallet", "slots": [1, 3]}]
    path.write_text(yaml.safe_dump({**read_yaml(locate("recipes", "shift")), "order": order, "belt_stops": True}))
    cell = load(CellConfig, "cells", "shift")
    changes = {"cycle_time_limit_s": 15.0, "simulation": {"recipe": str(path)}}
    env = ShiftEnv(parse(CellConfig, merged(cell.model_dump(), changes), "cell"))
    env.reset(seed=3)
    belt = env.plant.world.belt
    for _ in range(110):  # at 0.10 m/s and more, the part would have come to the end
        env.step(IDLE)
    along, _ = cell.belt.coordinates(env.plant.truth.part_position)
    assert belt.halted and 0.0 < along < 0.02 and env.plant.truth.part_speed < 1e-3
    assert not env.view.part_velocity.any()
    halted_at, law, over = belt.travel, _law(env), False
    while not over:
        _, _, terminated, truncated, info = env.step(law.act(env.view).astype(np.float32))
        over = terminated or truncated
    assert info["shift"]["quality"] == 1.0 and belt.travel > halted_at
    env.close()
