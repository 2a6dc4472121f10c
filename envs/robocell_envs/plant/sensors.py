"""Simulated sensors: each a small seeded pipeline, rate → noise → bias → fault → delay → dropout."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np

from robocell_controller.contract import Array
from robocell_envs.config.simulation import SensorConfig

_ROUNDING = 1e-9  # s
_AHEAD = 32  # samples whose noise is drawn at once
Seed = int | list[int] | np.random.SeedSequence


class Sensor:
    """One sensor of a vector quantity."""

    def __init__(self, config: SensorConfig, seed: Seed, truth: Array, time: float) -> None:
        """Starts with one true sample, as a sensor that has been running.

        Args:
            config: the pipeline's numbers.
            seed: of this sensor's own random numbers; one without noise, bias and dropout takes none.
            truth: true value at the start, shape [n].
            time: of the start, s.
        """
        self._delay, self._dropout = config.delay_s, config.dropout
        self._period = 1.0 / config.rate_hz
        noise, bias = config.spreads()
        self._noisy = bool(noise.any())
        self._biased = bool(bias.any())
        if self._noisy or self._biased or self._dropout:
            self._stream = np.random.default_rng(seed)
        self._bias = bias * self._stream.standard_normal(len(truth)) if self._biased else bias
        self._noise = _noise(self._stream, noise, 1 if self._dropout else _AHEAD) if self._noisy else iter(())
        self._next = time + self._period
        self._pending: deque[tuple[float, Array]] = deque()
        self._latest = (time - config.delay_s, truth + self._bias)
        self._taken = self._latest[1]
        self.stuck = self.silent = False

    def sample(self, time: float, truth: Array) -> None:
        """Takes a sample if one is due at ``time`` s; ``truth`` [n] is the value now, which must not change later."""
        if time < self._next - _ROUNDING:
            return
        self._next += self._period * math.ceil((time + _ROUNDING - self._next) / self._period)
        value = truth + self._bias if self._biased else truth
        if self._noisy:
            value = value + next(self._noise)
        if not self.stuck:
            self._taken = value
        lost = self._dropout and self._stream.random() < self._dropout
        if lost or self.silent:
            return
        if self._delay:
            self._pending.append((time, self._taken))
        else:
            self._latest = (time, self._taken)

    def read(self, time: float) -> tuple[Array, float]:
        """Latest value [n] that has arrived by ``time`` s, and its age in s."""
        while self._pending and self._pending[0][0] <= time - self._delay + _ROUNDING:
            self._latest = self._pending.popleft()
        return self._latest[1], time - self._latest[0]


def _noise(stream: np.random.Generator, spread: Array, ahead: int) -> Iterator[Array]:
    """Noise [n] of one sample after another, drawn for ``ahead`` samples at once: the same numbers, but quicker."""
    while True:
        yield from spread * stream.standard_normal((ahead, len(spread)))
