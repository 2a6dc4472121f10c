"""The shadow: a candidate sees what the active policy sees and says what it would do; nobody does it."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from robocell_controller.bundle.bundle import Bundle
from robocell_controller.bundle.envelope import Envelope
from robocell_controller.contract import ACTION_NAMES
from robocell_controller.latency import Latencies
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.rollout.deployment import Action, Deployment
from robocell_controller.summary import Cycle


class Shadowing:
    """The active deployment, with a candidate in its shadow."""

    def __init__(self, active: Deployment, candidate: Bundle) -> None:
        """Takes both; the candidate's actions are never sent."""
        self._active, self._candidate = active, candidate
        self._differences: list[Action] = []
        self._interventions: Counter[str] = Counter()
        self._outside = 0
        self._latencies = Latencies()

    @property
    def envelope(self) -> Envelope | None:
        """The active one's."""
        return self._active.envelope

    def act(self, path: ControlPath, view: View) -> Action:
        """The active one's action; what goes wrong in the shadow never reaches it."""
        action = self._active.act(path, view)
        observation = path.observation(view)
        begin = time.perf_counter_ns()
        proposed = self._candidate.policy.act(observation)
        self._latencies.add(time.perf_counter_ns() - begin)
        self._differences.append(np.abs(proposed - action))
        self._outside += bool(self._candidate.envelope.outside(observation).size)
        if reason := path.preview(proposed).reason:
            self._interventions[reason] += 1
        return action

    def warm_up(self, path: ControlPath, view: View) -> Action:
        """The active one's action; the candidate decides too."""
        self._candidate.policy.act(path.observation(view))
        return self._active.warm_up(path, view)

    def cycle_ended(self, cycle: Cycle) -> None:
        """Lets the active one change hands."""
        self._active.cycle_ended(cycle)

    def report(self, fault: bool) -> dict[str, Any]:
        """What the candidate would have done, beside the active one's own report."""
        differences = np.array(self._differences).reshape(-1, len(ACTION_NAMES))
        n = len(differences)
        divergence = {
            name: {"mean": float(values.mean()), "p95": float(np.percentile(values, 95)), "max": float(values.max())}
            for name, values in zip(ACTION_NAMES, differences.T, strict=True)
            if n
        }
        shadow = {
            "mode": "shadow",
            "candidate": self._candidate.manifest.name,
            "decisions": n,
            "action_divergence": divergence,
            "would_be_interventions": dict(self._interventions),
            "out_of_envelope_rate": self._outside / n if n else 0.0,
            "latency_us": self._latencies.summary_us(),
        }
        return {**self._active.report(fault), "rollout": shadow}

    def close(self) -> None:
        """Ends what the active one has running."""
        self._active.close()
