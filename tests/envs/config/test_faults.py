from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from fault_cells import cell_with, event, one_joint, play

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import JOINTS
from robocell_controller.errors import InputError
from robocell_envs.config.faults import first_tick
from robocell_envs.config.simulation import simulation_config
from robocell_envs.scene.scenario import draw

EVERYTHING = {
    "gripper_force_share": [0.7, 0.9],
    "pad_friction_share": [0.7, 0.9],
    "joint_friction_n_m": [[1.0, 5.0]] * JOINTS,
    "encoder_offset_rad": [[-0.001, 0.001]] * JOINTS,
    "payload_error_kg": [-0.5, 0.5],
    "actuation_delay_ms": [8.0, 16.0],
    "belt_speed_share": [0.8, 0.9],
    "belt_friction_share": [0.5, 0.9],
}


def bits(cell: CellConfig) -> bytes:
    return play(cell)[0].tobytes()


def test_a_sound_cell_is_untouched_by_naming_faults():
    assert bits(cell_with({"gripper_force_share": [1.0, 1.0]})) == bits(cell_with())


@pytest.mark.parametrize("key", [key for key in EVERYTHING if not key.startswith("belt")])
def test_each_fault_shows_from_its_event_on_and_not_before(key):
    cell = cell_with(events=[event(1.0, **{key: EVERYTHING[key]})])
    (sound, _), (faulty, _) = play(cell_with()), play(cell)
    assert sound[:26].tobytes() == faulty[:26].tobytes()
    assert sound[26:].tobytes() != faulty[26:].tobytes()


def test_events_start_at_a_tick_within_a_policy_period():
    assert [first_tick(at, 0.008) for at in (0.0, 0.008, 0.0081, 0.016)] == [0, 1, 2, 2]
    ends = [
        play(cell_with(events=[event(at, joint_friction_n_m=one_joint(1, 20.0))]), steps=26)[1][26].q
        for at in (1.0, 1.008, 1.0081, 1.016)
    ]
    assert not np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[1], ends[2])
    assert np.array_equal(ends[2], ends[3])


def test_faults_with_everything_on_are_deterministic_here_and_in_a_fresh_process():
    cell = cell_with(EVERYTHING, [event(0.8, stuck_sensors=["tracker"]), event(1.0, stuck_sensors=[])], "conveyor_pick")
    here = bits(cell)
    assert bits(cell) == here
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(bits, (cell,)) == here


def test_a_range_is_drawn_for_each_episode_and_a_later_event_keeps_what_it_does_not_name():
    events = [event(1.0, payload_error_kg=[1.0, 1.0]), event(0.5, pad_friction_share=[0.5, 0.5])]
    config = simulation_config(cell_with({"gripper_force_share": [0.6, 0.9]}, events))
    timelines = [draw(config, seed).faults for seed in range(20)]
    shares = {timeline[0].faults.gripper_force_share for timeline in timelines}
    assert len(shares) == 20 and min(shares) >= 0.6 and max(shares) <= 0.9
    _, second, third = timelines[0]
    assert (second.at, third.at) == (0.5, 1.0)
    assert third.faults.pad_friction_share == 0.5 and third.faults.payload_error_kg == 1.0
    assert third.faults.gripper_force_share == timelines[0][0].faults.gripper_force_share


def test_faults_shift_no_other_draw():
    sound, faulty = (draw(simulation_config(cell_with(faults)), 4) for faults in ({}, EVERYTHING))
    assert faulty.part == sound.part and faulty.sensor_seed == sound.sensor_seed


@pytest.mark.parametrize(
    ("faults", "events", "message"),
    [
        ({"gripper_force_share": [0.5, 1.5]}, [], r"faults\.gripper_force_share"),
        ({"gripper_force_share": [0.9, 0.5]}, [], "the lower bound first"),
        ({"joint_friction_n_m": [[0.0, 1.0]]}, [], r"faults\.joint_friction_n_m"),
        ({"gripper_wear": 1}, [], r"faults\.gripper_wear: unknown key"),
        ({"stuck_sensors": ["nose"]}, [], r"faults\.stuck_sensors"),
        ({"stuck_sensors": ["belt"], "silent_sensors": ["belt"]}, [], "stuck or silent"),
        ({}, [{"at_s": [-1.0, 0.0], "faults": {}}], r"events\.0\.at_s"),
    ],
)
def test_bad_faults_are_named(faults, events, message):
    with pytest.raises(InputError, match=message):
        simulation_config(cell_with(faults, events))
