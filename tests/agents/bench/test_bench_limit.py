from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from robocell_agents.bench.cycle_limit import CycleLimits
from robocell_agents.bench.joint_time import reach, rise_time, travel_time
from robocell_agents.bench.limit import bench_limit, scenario
from robocell_agents.bench.posture_search import best_postures
from robocell_agents.evaluation.evaluate import evaluate, write_evaluation
from robocell_agents.pages.tables import limit_table
from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.stations import BeltConfig
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.path.estimator import nearest_branch
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.config.simulation import simulation_config
from robocell_envs.tasks.pick_place import place_position

SEED = 3_000_000
Q = np.array([0.1, 0.3, 0.0, -2.3, 0.0, 2.7, 0.8])


@pytest.fixture(scope="module")
def env():
    env = PickPlaceEnv()
    env.reset(seed=SEED)
    yield env
    env.close()


@pytest.fixture(scope="module")
def robot(env):
    return env.cell.load_robot()


@pytest.fixture(scope="module")
def limits(env):
    return CycleLimits(env.cell)


def _of_kind(ours, kind):
    return replace(ours, part=replace(ours.part, kind=kind))


@pytest.mark.parametrize("speed", [-1.0, 0.0, 0.7])
def test_reach_is_what_the_fastest_motion_covers_in_that_time(robot, speed):
    without_jerk = replace(robot.limits, jerk=robot.limits.jerk * 1e4)
    dq = np.full(7, speed)
    for time in (0.25, 0.4, 1.0):
        for distance in (reach(robot.limits, time, dq), -reach(robot.limits, time, -dq)):
            assert travel_time(without_jerk, Q, dq, Q + distance) == pytest.approx(time, abs=1e-5)


def test_there_is_no_reach_before_the_joints_can_stop(robot):
    dq = np.full(7, 2.0)
    assert (reach(robot.limits, 0.05, dq) < -reach(robot.limits, 0.05, -dq)).all()


def test_travel_time_of_one_joint_is_the_textbooks(robot):
    speed, acceleration, jerk = (
        values[0] for values in (robot.limits.velocity, robot.limits.acceleration, robot.limits.jerk)
    )
    goal = Q + np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    expected = 1.0 / speed + speed / acceleration + acceleration / jerk  # trapezoid of accelerations
    assert travel_time(robot.limits, Q, np.zeros(7), goal) == pytest.approx(expected)


def test_nothing_lifts_the_hand_sooner(robot):
    kinematics = Kinematics(robot)
    time = rise_time(kinematics, robot.limits, Q, kinematics.pose(Q).position[2] + 0.04)
    sides = np.random.default_rng(0).uniform(-1.0, 1.0, (500, 7))
    ways = 0.5 * robot.limits.acceleration * time**2 * np.concatenate([sides, np.sign(sides)])
    heights = [kinematics.pose(Q + way).position[2] for way in ways]
    assert 0.04 < max(heights) - kinematics.pose(Q).position[2] < 0.045  # without the jerk's limit a little higher


def test_scenario_and_start_are_those_of_the_episode(env, limits):
    ours, theirs = scenario(env.cell, SEED), env.plant.scenario
    assert all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ours.__dataclass_fields__)
    q, dq = limits.start(ours)
    assert np.allclose(q, env.plant.truth.q) and np.allclose(dq, env.plant.truth.dq)


def test_postures_keep_to_the_premises(env, limits, robot):
    kinematics, task = Kinematics(robot), simulation_config(env.cell).task
    for seed, kind in enumerate(("box", "prism", "box"), SEED):
        ours = _of_kind(scenario(env.cell, seed), kind)
        symmetry = ours.part.info.symmetry
        postures = best_postures(kinematics, robot.limits, task, ours, (*limits.start(ours), 0.0))
        grasp, place = (kinematics.pose(posture) for posture in postures)
        assert all(pose.rotation[2, 2] == pytest.approx(-1.0) for pose in (grasp, place))
        assert nearest_branch(grasp.yaw, ours.part_yaw, symmetry) == pytest.approx(ours.part_yaw, abs=1e-4)
        assert abs(nearest_branch(place.yaw, ours.slot_yaw, symmetry) - ours.slot_yaw) < task.yaw_tolerance_rad + 1e-3
        along, across, down = in_hand = grasp.rotation.T @ (grasp.position - ours.part_position)
        assert max(abs(along), abs(across)) < ours.part.width / 2 + 1e-4 and abs(across) < 1e-4
        assert abs(down) < ours.part.height / 2 + 1e-4
        error = place.position - place.rotation @ in_hand - place_position(ours)
        assert np.hypot(error[0], error[1]) < task.place_tolerance_m + 1e-4 and abs(error[2]) < 1e-4


@pytest.mark.parametrize(("kind", "turn"), [("box", np.pi / 2), ("prism", np.pi / 3), ("cylinder", 0.3)])
def test_turns_that_look_the_same_change_nothing(env, limits, kind, turn):
    ours = _of_kind(scenario(env.cell, SEED), kind)
    turned = replace(ours, part_yaw=ours.part_yaw + 2 * turn, slot_yaw=ours.slot_yaw - turn)
    assert limits.of(turned).total_s == pytest.approx(limits.of(ours).total_s, abs=1e-6)


def test_the_freer_the_yaw_the_lower_the_limit(env, limits):
    ours = scenario(env.cell, SEED)
    box, prism, cylinder = (limits.of(_of_kind(ours, kind)).total_s for kind in ("box", "prism", "cylinder"))
    assert cylinder < min(box, prism)


def test_slow_fingers_count_where_the_arm_is_faster(env, limits):
    ours = scenario(env.cell, SEED + 1)
    wide = replace(ours, start_gripper=0.08, part=replace(ours.part, width=0.01))
    assert limits.of(ours).reach_s < limits.of(wide).reach_s == pytest.approx(0.7)


def test_an_easier_task_has_a_lower_limit(env):
    ours = scenario(env.cell, SEED)
    totals = []
    for tolerance in (0.001, 0.01, 0.05):
        simulation = json.loads(json.dumps(env.cell.simulation))
        simulation["task"]["place_tolerance_m"] = tolerance
        totals.append(CycleLimits(env.cell.model_copy(update={"simulation": simulation})).of(ours).total_s)
    assert all(easier < harder for harder, easier in pairwise(totals))


def test_what_is_out_of_reach_is_refused(env, limits):
    far = replace(scenario(env.cell, SEED), part_position=np.array([1.5, 0.0, 0.02]))
    with pytest.raises(InputError, match="within the arm's reach"):
        limits.of(far)


def test_a_belt_is_refused(env):
    belt = BeltConfig.model_construct()
    with pytest.raises(InputError, match="parts lie still"):
        CycleLimits(env.cell.model_copy(update={"belt": belt}))


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory):
    """Evaluations of two programs on the same three episodes."""
    folder = tmp_path_factory.mktemp("evaluations")
    paths = [folder / f"{name}.json" for name in ("guided", "oracle")]
    for path in paths:
        write_evaluation(path, evaluate(f"program:{path.stem}", "nominal", 3, "test"))
    return paths


def test_no_program_beats_the_limit(evaluations):
    document = bench_limit(evaluations)
    assert [policy["policy"] for policy in document["policies"]] == ["program:guided", "program:oracle"]
    assert all(1.0 < policy["over_limit"]["median"] < 4.0 for policy in document["policies"])
    for cycle in document["cycles"]:
        legs = cycle["reach_s"] + cycle["transfer_s"] + cycle["retreat_s"]
        assert cycle["limit_s"] == pytest.approx(legs, abs=2e-4) and 0.5 < legs < 1.5
    row = json.loads(evaluations[0].read_text())["episodes"][1]
    rows = {**json.loads(evaluations[0].read_text()), "episodes": [row]}
    evaluations[0].with_name("one.json").write_text(json.dumps(rows))
    one = bench_limit([evaluations[0].with_name("one.json")])["policies"][0]
    assert one["over_limit"]["median"] == row["time_s"] / document["cycles"][1]["limit_s"]


def test_the_command_prints_a_table_or_json(evaluations, capsys):
    assert execute(["bench", "limit", str(evaluations[1]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [cycle["seed"] for cycle in document["cycles"]] == [SEED, SEED + 1, SEED + 2]
    console = Console(width=140)
    with console.capture() as capture:
        console.print(limit_table(document))
    assert "the arm's limit" in capture.get() and "program:oracle" in capture.get()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suite": {"name": "nominal", "sha256": "a"}}, r"suite\.sha256: a; expected .* evaluate again"),
        ({"suite": {"name": "mine", "sha256": "a"}}, "mine: no such file"),
        ({"episodes": []}, "no rows"),
    ],
)
def test_evaluations_of_another_cell_are_refused(evaluations, tmp_path, change, message):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**json.loads(evaluations[0].read_text()), **change}))
    with pytest.raises(InputError, match=message):
        bench_limit([path])
    with pytest.raises(InputError):
        bench_limit([evaluations[0], path])
