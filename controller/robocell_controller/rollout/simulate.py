"""Simulated roll-outs: how often the sequential test stops a worse candidate, and an equal one wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from robocell_controller.rollout.sequential import FALSE_ACCEPTANCE, FALSE_REJECTION, Arm, Verdict, verdict
from robocell_controller.statistics import wilson

_TIME_S, _SPREAD_S = 1.7, 0.12  # of a good cycle, about as measured


@dataclass(frozen=True, slots=True)
class Planted:
    """A pair of policies whose truth is known: rates of success and how much slower the candidate is."""

    active: float
    candidate: float
    slower: float = 0.0


CASES = {
    "equal, 97 %": Planted(0.97, 0.97),
    "equal, 90 %": Planted(0.90, 0.90),
    "10 points worse than 97 %": Planted(0.97, 0.87),
    "10 points worse than 90 %": Planted(0.90, 0.80),
    "10 % slower": Planted(0.97, 0.97, slower=0.10),
}


def bench_canary(rollouts: int, seed: int = 0) -> dict[str, Any]:
    """Verdicts of ``rollouts`` simulated canaries of each case, with Wilson intervals of the rejections."""
    cases: dict[str, Any] = {}
    for name, planted in CASES.items():
        stream = np.random.default_rng([seed, len(cases)])
        ends = [simulate(planted, stream) for _ in range(rollouts)]
        verdicts = [end[0] for end in ends]
        rejected = verdicts.count("reject")
        low, high = wilson(rejected, rollouts)
        cycles = [end[1] for end in ends]
        cases[name] = {
            "verdicts": {each: verdicts.count(each) for each in ("accept", "reject", "undecided")},
            "rejected": {"rate": rejected / rollouts, "low": low, "high": high, "n": rollouts},
            "cycles": {"median": float(np.median(cycles)), "p95": float(np.percentile(cycles, 95))},
        }
    errors = {"false_rejection": FALSE_REJECTION, "false_acceptance": FALSE_ACCEPTANCE}
    return {"seed": seed, "bounds_of_each_test": errors, "cases": cases}


def simulate(planted: Planted, stream: np.random.Generator) -> tuple[Verdict, int]:
    """One roll-out: its verdict and the cycles it took, both arms together."""
    active, candidate = Arm(), Arm()
    while True:
        active.add(stream.random() < planted.active, stream.normal(_TIME_S, _SPREAD_S))
        candidate.add(stream.random() < planted.candidate, stream.normal((1 + planted.slower) * _TIME_S, _SPREAD_S))
        known = verdict(active, candidate)
        if known != "continue":
            return known, active.cycles + candidate.cycles
