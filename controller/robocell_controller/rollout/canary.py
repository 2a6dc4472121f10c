"""The canary: candidate and active policy take turns, cycle by cycle in random order, until a test has decided.

The verdict goes into the store's log with its evidence: the candidate is promoted, or the active policy stays. After
it, the winner does the remaining parts.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from robocell_controller.bundle.envelope import Envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.rights import stay_behind
from robocell_controller.rollout.deployment import ABSENT, Action, admitted, signed_by
from robocell_controller.rollout.sequential import (
    FALSE_ACCEPTANCE,
    FALSE_REJECTION,
    SLOWER_BY,
    WORSE_BY,
    Arm,
    Verdict,
    success_ratio,
    time_ratio,
    verdict,
)
from robocell_controller.rollout.store import PREFIX, Store
from robocell_controller.summary import PLACED, Cycle, median_and_p95, success_rate

_ACTIVE, _CANDIDATE = "active", "candidate"


class Canary:
    """The promoted policy of a name, and a candidate that would take its place."""

    def __init__(self, reference: str, candidate: Path, cell: CellConfig, store: Store, seed: int) -> None:
        """Installs the candidate; ``seed`` draws the order of turns.

        Raises:
            InputError: the active policy is not one of the store, or either is refused.
        """
        if not reference.startswith(PREFIX):
            raise InputError("--canary", f"beside {reference}", f"{PREFIX}NAME, which can be promoted and rolled back")
        self._cell, self._store = cell, store
        self._digests = {_ACTIVE: store.promoted(reference.removeprefix(PREFIX))}
        self._digests[_CANDIDATE] = store.install(candidate, cell).bundle
        if self._digests[_ACTIVE] == self._digests[_CANDIDATE]:
            raise InputError(candidate, f"what {reference} runs already", "another bundle")
        self._bundles = {
            arm: admitted(store.path(digest), cell, on_trial=arm == _CANDIDATE) for arm, digest in self._digests.items()
        }
        self._name = self._bundles[_CANDIDATE].manifest.name
        if PREFIX + self._name != reference:
            raise InputError(candidate, f"a bundle called '{self._name}'", f"one of the name in {reference}")
        self._arms = {_ACTIVE: Arm(), _CANDIDATE: Arm()}
        self._stream, self._turns = np.random.default_rng(seed), list[str]()
        self._verdict: Verdict = "continue"
        self._turn = self._draw()
        self._recorder: threading.Thread | None = None

    @property
    def envelope(self) -> Envelope:
        """Of whose turn it is."""
        return self._bundles[self._turn].envelope

    def act(self, path: ControlPath, view: View) -> Action:
        """The action of whose turn it is."""
        return self._bundles[self._turn].policy.act(path.observation(view))

    def warm_up(self, path: ControlPath, view: View) -> Action:
        """The active policy's action; the candidate decides too."""
        observation = path.observation(view)
        self._bundles[_CANDIDATE].policy.act(observation)
        return self._bundles[_ACTIVE].policy.act(observation)

    def cycle_ended(self, cycle: Cycle) -> None:
        """Counts the cycle, lets the test look at it, and draws the next turn; one without its policy is no turn."""
        if cycle.outcome == ABSENT:
            return
        if self._verdict == "continue":
            self._arms[self._turn].add(cycle.outcome == PLACED, cycle.time_s)
            self._verdict = verdict(self._arms[_ACTIVE], self._arms[_CANDIDATE])
            if self._verdict != "continue":
                self._turns = []
                self._recorder = threading.Thread(target=self._record_behind)
                self._recorder.start()
        self._turn = self._draw()

    def report(self, fault: bool) -> dict[str, Any]:
        """The evidence; ends an open canary: rejected if the candidate has led to a fault, else undecided."""
        if self._verdict == "continue" and fault and self._turn == _CANDIDATE:
            self._arms[_CANDIDATE].add(False, 0.0)
            self._verdict = "reject"
            self._record()
        elif self._verdict == "continue":
            self._verdict = "undecided"
            self._record()
        winner = _CANDIDATE if self._verdict == "accept" else _ACTIVE
        return {"signed_by": signed_by(self._bundles[winner].key), "rollout": {"mode": "canary", **self._evidence()}}

    def close(self) -> None:
        """Waits until the verdict is in the log."""
        if self._recorder:
            self._recorder.join()

    def _record_behind(self) -> None:
        """In a thread: the loop waits neither for the disk nor for the candidate's checks."""
        stay_behind()
        self._record()

    def _record(self) -> None:
        """Writes verdict and evidence into the store's log; the run goes on if that fails."""
        digest, evidence = self._digests[_CANDIDATE], self._evidence()
        try:
            if self._verdict == "accept":
                self._store.promote(digest, self._cell, evidence)
            else:
                self._store.note("reject" if self._verdict == "reject" else "undecided", self._name, digest, evidence)
        except (InputError, OSError) as error:
            print(f"robocell: the canary's verdict is not in the store: {error}", file=sys.stderr)

    def _draw(self) -> str:
        """Whose turn the next cycle is: pairs in random order, so that both see the same production."""
        if self._verdict != "continue":
            return _CANDIDATE if self._verdict == "accept" else _ACTIVE
        if not self._turns:
            self._turns = [_ACTIVE, _CANDIDATE]
            self._stream.shuffle(self._turns)
        return self._turns.pop()

    def _evidence(self) -> dict[str, Any]:
        active, candidate = self._arms[_ACTIVE], self._arms[_CANDIDATE]
        return {
            "verdict": self._verdict,
            "worse_by": WORSE_BY,
            "slower_by": SLOWER_BY,
            "false_rejection": FALSE_REJECTION,
            "false_acceptance": FALSE_ACCEPTANCE,
            "log_likelihood_ratios": {
                "success": success_ratio(active, candidate),
                "cycle_time": time_ratio(active, candidate),
            },
            **{
                name: {
                    "bundle": self._digests[name],
                    "success": success_rate(arm.good, arm.cycles),
                    "cycle_time_s": median_and_p95(arm.times_s),
                }
                for name, arm in self._arms.items()
            },
        }
