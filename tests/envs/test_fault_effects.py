from __future__ import annotations

import numpy as np
import pytest
from fault_cells import cell_with, event, one_joint, play

from robocell_controller.contract import JOINTS, Array, JointCommand
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.plant.simulated import SimulatedPlant
from robocell_envs.reference import Load, hold

LOAD = Load(width=0.04, mass=0.4, friction=0.5, force=20.0)  # bears 20 N, weighs 4 N
TICK = 0.008  # s
_LATE = 2.2  # s, when the part has been in the hand for a while


def _slip(faults=None, events=None) -> float:
    env = PickPlaceEnv(cell_with(faults, events))
    moved = hold(env, 3, LOAD, seconds=2.0)
    assert env.plant.time > _LATE
    env.close()
    return moved


def _loaded(cell, seed: int = 5) -> SimulatedPlant:
    plant = SimulatedPlant(cell)
    plant.load(plant.draw(seed))
    return plant


def _rest(plant: SimulatedPlant, ticks: int = 100) -> Array:
    """Sends one posture long enough to come to rest there: that posture."""
    command = JointCommand(plant.read().q, np.zeros(JOINTS), 1.0)
    for _ in range(ticks):
        plant.write(command)
    return command.q


def test_a_new_gripper_holds_what_a_worn_one_loses():
    assert _slip() < 0.003
    assert _slip({"gripper_force_share": [0.15, 0.15]}) > 0.01
    assert _slip({"pad_friction_share": [0.15, 0.15]}) > 0.01


def test_pads_and_drive_that_fail_in_mid_episode_let_go_of_what_they_hold():
    for key in ("gripper_force_share", "pad_friction_share"):
        assert _slip(events=[event(_LATE, **{key: [0.1, 0.1]})]) > 0.01


def test_pads_made_anew_with_nearly_the_same_friction_hold():
    assert _slip(events=[event(_LATE, pad_friction_share=[0.99, 0.99])]) < 0.001


@pytest.mark.parametrize("seed", [9, 10, 11])
def test_pads_that_wear_in_the_air_do_not_leap_into_the_part(seed):
    env = PickPlaceEnv(cell_with(events=[event(_LATE, pad_friction_share=[0.9, 0.9])]))
    depths = []
    follow = env.plant.world.follow

    def watched(q: Array, dq: Array, gripper: float) -> None:
        follow(q, dq, gripper)
        depths.append(env.plant.world.penetration())

    env.plant.world.follow = watched
    assert hold(env, seed, LOAD, seconds=1.5) < 0.002
    assert len(depths) > _LATE / TICK  # one by one, so none is missed
    assert max(depths[round(_LATE / TICK) :]) < 0.001
    env.close()


def test_joint_friction_shows_in_the_torque_and_costs_energy():
    joint, friction = 1, 6.0
    sound = play(cell_with(), steps=12)[1]
    stiff = play(cell_with({"joint_friction_n_m": one_joint(joint, friction)}), steps=12)[1]
    extra = [b.tau[joint] - a.tau[joint] for a, b in zip(sound, stiff, strict=True) if abs(a.dq[joint]) > 0.3]
    moving = [np.sign(a.dq[joint]) for a in sound if abs(a.dq[joint]) > 0.3]
    assert len(extra) >= 3
    assert np.mean(np.array(extra) * moving) == pytest.approx(friction, abs=1.5)


def test_joint_friction_takes_away_from_the_torque_limit():
    reached = []
    for friction in (0.0, 86.0):
        plant = _loaded(cell_with({"joint_friction_n_m": one_joint(1, friction)}))
        start = plant.read().q
        _rest(plant, 30)
        reached.append(abs(plant.truth.q[1] - start[1]))
        plant.close()
    assert reached[0] < 1e-3 and reached[1] > 0.05  # 1 N·m does not carry the arm


def test_encoder_offset_moves_the_arm_and_hides_it():
    offset = 0.02
    plant = _loaded(cell_with({"encoder_offset_rad": one_joint(0, offset)}))
    wanted = _rest(plant)
    assert plant.read().q == pytest.approx(wanted, abs=0.002)  # as near as it stands without a fault
    assert plant.read().q - plant.truth.q == pytest.approx([offset] + [0.0] * 6)
    plant.close()


def test_wrong_payload_lifts_or_sinks_the_arm_by_its_weight_over_the_stiffness():
    deflections = []
    for mass in (-2.0, 2.0):
        plant = _loaded(cell_with({"payload_error_kg": [mass, mass]}))
        wanted = _rest(plant)
        deflections.append(plant.truth.q - wanted)
        reach = np.hypot(*plant.scenario.start_tcp[:2])
        plant.close()
    torque = (deflections[1] - deflections[0]) / 2 * plant._cell.load_robot().joint_stiffness_n_m_rad
    assert torque[1] == pytest.approx(-2.0 * 9.81 * reach, rel=0.05)  # it turns the shoulder back


def test_delay_hands_setpoints_on_exactly_so_many_ticks_later(monkeypatch):
    plant = _loaded(cell_with({"actuation_delay_ms": [24.0, 24.0]}))
    sent, got = [plant.read().q + 1e-4 * k for k in range(10)], []
    monkeypatch.setattr(plant.world, "follow", lambda q, dq, gripper: got.extend(zip(q, dq, strict=True)))
    for q in sent:
        plant.write(JointCommand(q, np.ones(JOINTS), 1.0))
    assert np.array_equal([q for q, _ in got[3:]], sent[:-3])
    assert all(np.array_equal(q, plant.truth.q) and not dq.any() for q, dq in got[:3])
    plant.close()


def test_delay_that_begins_and_ends_in_mid_episode(monkeypatch):
    events = [event(2 * TICK, actuation_delay_ms=[16.0, 16.0]), event(6 * TICK, actuation_delay_ms=[0.0, 0.0])]
    plant, got = _loaded(cell_with(events=events)), []
    monkeypatch.setattr(plant.world, "follow", lambda q, dq, gripper: got.append(round(float(q[0, 0]))))
    for number in range(8):
        plant.write(JointCommand(np.full(JOINTS, float(number)), np.zeros(JOINTS), 1.0))
    assert got == [0, 1, 1, 1, 2, 3, 6, 7]
    plant.close()


def test_playing_a_segment_is_writing_its_ticks_with_faults_too():
    cell = cell_with(events=[event(3 * TICK, actuation_delay_ms=[8.0, 8.0], joint_friction_n_m=one_joint(3, 9.0))])
    env, plant = PickPlaceEnv(cell), _loaded(cell)
    env.begin(plant.scenario)
    for _ in range(5):
        segment = env.path.command(np.array([0.5, 0.2, 0.1, 0.0, 1.0])).segment
        env.plant.play(segment)
        for q, dq in zip(segment.q, segment.dq, strict=True):
            plant.write(JointCommand(q, dq, segment.gripper))
    assert np.array_equal(env.plant.truth.q, plant.truth.q)
    env.close()
    plant.close()


def _tracked(sensor_fault: str):
    plant = _loaded(cell_with(events=[event(0.4, **{sensor_fault: ["tracker"]})], name="conveyor_pick"))
    states = []
    for _ in range(30):
        _rest(plant, 5)
        states.append(plant.read())
    plant.close()
    return [state.part_age for state in states], np.array([state.part_position[1] for state in states])


def test_a_stuck_sensor_repeats_itself_as_if_new():
    ages, y = _tracked("stuck_sensors")
    assert len(np.unique(y[:10])) == 10
    assert len(np.unique(y[12:])) == 1
    assert ages[12:] == pytest.approx(np.full(18, 0.04))


def test_a_silent_sensor_ages():
    ages, y = _tracked("silent_sensors")
    assert len(np.unique(y[12:])) == 1
    assert np.diff(ages[12:]) == pytest.approx(np.full(17, 0.04))


def test_a_slipping_belt_lags_behind_its_encoder():
    plant = _loaded(cell_with({"belt_speed_share": [0.5, 0.5]}, name="conveyor_pick"))
    _rest(plant, 50)
    before, travel = plant.truth.part_position, plant.read().belt_travel
    _rest(plant, 50)
    gone = np.linalg.norm(plant.truth.part_position - before)
    assert gone == pytest.approx(0.5 * (plant.read().belt_travel - travel), rel=0.02)
    plant.close()


def test_a_belt_with_less_friction_takes_longer_to_carry_a_part_along():
    speeds = []
    for share in (1.0, 0.02):
        plant = _loaded(cell_with({"belt_friction_share": [share, share]}, name="conveyor_pick"))
        _rest(plant, 10)
        speeds.append(plant.truth.part_speed)
        plant.close()
    assert speeds[1] < 0.5 * speeds[0]
