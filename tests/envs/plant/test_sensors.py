from __future__ import annotations

import numpy as np
import pytest

from robocell_envs.config.simulation import SensorConfig
from robocell_envs.plant.sensors import Sensor

IDEAL = {"rate_hz": 100.0, "delay_s": 0.0, "dropout": 0.0}
TICK = 0.01


class PairConfig(SensorConfig):
    noise: float = 0.0
    bias: float = 0.0

    def spreads(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(2, self.noise), np.full(2, self.bias)


def _sensor(seed: int = 0, **stage: float) -> Sensor:
    return Sensor(PairConfig(**{**IDEAL, **stage}), seed, np.zeros(2), 0.0)


def _record(sensor: Sensor, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Readings [ticks, 2] and ages [ticks] while the truth is the time itself."""
    values, ages = [], []
    for index in range(1, ticks + 1):
        sensor.sample(index * TICK, np.full(2, index * TICK))
        value, age = sensor.read(index * TICK)
        values.append(value)
        ages.append(age)
    return np.array(values), np.array(ages)


def _times(ticks: int) -> np.ndarray:
    return TICK * np.arange(1, ticks + 1)


def test_ideal_sensor_tells_the_truth():
    values, ages = _record(_sensor(), 50)
    assert values[:, 0] == pytest.approx(_times(50))
    assert ages == pytest.approx(np.zeros(50))


def test_rate_holds_values_between_samples():
    values, ages = _record(_sensor(rate_hz=25.0), 40)
    assert len(np.unique(values[:, 0])) == 11  # the start, then one in four
    assert ages.max() == pytest.approx(0.03)
    assert values[3::4, 0] == pytest.approx(_times(40)[3::4])


def test_noise_has_its_standard_deviation_and_no_bias():
    values, _ = _record(_sensor(noise=0.1), 4000)
    errors = values - _times(4000)[:, None]
    assert errors.std() == pytest.approx(0.1, rel=0.05)
    assert errors.mean() == pytest.approx(0.0, abs=0.005)
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.1


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_noise_is_the_streams_in_the_order_of_the_samples(dropout):
    values, ages = _record(_sensor(4, noise=0.1, dropout=dropout), 100)
    stream = np.random.default_rng(4)
    for time, value, age in zip(_times(100), values, ages, strict=True):
        noise = 0.1 * stream.standard_normal(2)
        lost = dropout and stream.random() < dropout
        assert lost == (age > TICK / 2)
        assert lost or np.array_equal(value, time + noise)


def test_bias_is_drawn_once():
    values, _ = _record(_sensor(bias=0.1), 20)
    errors = values - _times(20)[:, None]
    assert np.ptp(errors, axis=0) == pytest.approx(np.zeros(2))
    drawn = [_record(_sensor(seed, bias=0.1), 1)[0][0, 0] - TICK for seed in range(400)]
    assert np.std(drawn) == pytest.approx(0.1, rel=0.15)


def test_delay_makes_values_late_and_says_so():
    values, ages = _record(_sensor(delay_s=0.05), 40)
    assert values[5:, 0] == pytest.approx(_times(40)[5:] - 0.05)
    assert ages[5:] == pytest.approx(np.full(35, 0.05))
    assert values[3, 0] == 0.0  # nothing but the first sample has arrived yet


def test_dropout_loses_its_share_of_samples():
    _, ages = _record(_sensor(dropout=0.3), 4000)
    assert np.mean(ages > TICK / 2) == pytest.approx(0.3, abs=0.03)


def test_same_stream_same_readings():
    stages = {"noise": 0.1, "bias": 0.1, "dropout": 0.2, "delay_s": 0.02}
    first, second, other = (_record(_sensor(seed, **stages), 30)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
