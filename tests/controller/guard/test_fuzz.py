from __future__ import annotations

import cma
import numpy as np
import pytest
from adversaries import CELL, LIMITS, REST, ROBOT, SLACK, accelerated, adversarial_ticks, arena, margins, tcp_margins

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.arm.safety import SafetyKernel
from robocell_controller.contract import Array, Segment, Setpoint

TICK, TICKS = CELL.rates.tick, CELL.rates.ticks
KINEMATICS = Kinematics(ROBOT)


@pytest.mark.parametrize(("hz", "ticks"), [(50, 4_000), (125, 20_000), (500, 8_000)])
def test_no_adversary_gets_past_the_guard(hz: int, ticks: int) -> None:
    tally = adversarial_ticks(ticks, seed=hz, controller_hz=hz)
    assert tally.ticks >= ticks
    assert tally.violations == []
    assert {"", "not finite", "joint acceleration", "workspace", "stopping", "contact"} <= set(tally.reasons)


@pytest.mark.slow
def test_no_adversary_gets_past_the_guard_in_a_million_ticks() -> None:
    assert adversarial_ticks(1_000_000, seed=1).violations == []


def test_no_hostile_segment_gets_past_the_kernel_in_a_million_ticks() -> None:
    """The part that training shares, alone: segments of accelerations far beyond the limits, near them and below."""
    stream, kernel = np.random.default_rng(2), SafetyKernel(LIMITS, CELL.rates)
    least: dict[str, float] = {}
    count = 0
    while count < 1_000_000:
        ddq = stream.uniform(-1.0, 1.0, (400, TICKS, 7)) * LIMITS.acceleration
        ddq[200:] = np.sign(ddq[200:, :1]) * LIMITS.acceleration  # bang-bang, period by period
        ddq *= stream.choice([0.05, 0.5, 0.999, 1.0, 1.01, 30.0], (400, 1, 1))
        ddq[stream.random(400) < 0.02, 0, 0] = stream.choice([np.nan, np.inf, 1e308, 5e-324])
        setpoint = start = Setpoint(stream.uniform(LIMITS.lower, LIMITS.upper), np.zeros(7), np.zeros(7))
        sent = []
        for profile in ddq:
            dq = setpoint.dq + TICK * profile.cumsum(axis=0)
            verdict = kernel.certify(setpoint, Segment(setpoint.q + TICK * dq.cumsum(axis=0), dq, 0.0))
            sent.append(verdict.segment.q)
            setpoint = verdict.setpoint
        found = margins(start, np.concatenate(sent), TICK)
        least = {name: min(value, least.get(name, np.inf)) for name, value in found.items()}
        count += 400 * TICKS
    assert min(least.values()) >= -SLACK, least


def _room(knots: Array, tick_hz: int) -> float:
    """Least room to joint range, TCP box and speed, for joint accelerations given at knots [segments, 7], in limits."""
    place = arena(tick_hz)
    last = first = place.guard.begin(REST, np.zeros(7), 0.5)
    sent = []
    for knot in knots:
        for _ in range(12):
            last = place.guard.release(last, accelerated(last, knot * LIMITS.acceleration, place.tick))
            sent.append(last.command.q)
    setpoints = np.array(sent)
    found = margins(first.setpoint, setpoints, place.tick) | tcp_margins(
        KINEMATICS, first.setpoint, setpoints, place.tick
    )
    assert min(found["velocity"], found["acceleration"], found["jerk"]) >= -SLACK
    return min(found["position"], found["tcp box"], found["tcp speed"])


def _worst(evaluations: int, seed: int) -> float:
    """The least room that CMA-ES finds, over accelerations up to 1.2 of the limits."""
    options = {"bounds": [-1.2, 1.2], "maxfevals": evaluations, "seed": seed, "verbose": -9}
    _, search = cma.fmin2(lambda x: _room(np.reshape(x, (5, 7)), 125), np.zeros(35), 0.5, options)
    return float(search.result.fbest)


def test_a_search_for_the_worst_case_finds_no_violation() -> None:
    assert _worst(evaluations=150, seed=3) >= -SLACK


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_long_search_for_the_worst_case_finds_no_violation(seed: int) -> None:
    assert _worst(evaluations=10_000, seed=seed) >= -SLACK
