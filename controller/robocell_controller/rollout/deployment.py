"""Who acts in a run: one policy, the store's promoted one, or one with a candidate in its shadow or as its canary.

Everything here changes hands between cycles only: the loop asks :meth:`Deployment.act` in every policy period, and
says with :meth:`Deployment.cycle_ended` that a cycle is over.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from robocell_controller.bundle.bundle import Bundle, load_bundle
from robocell_controller.bundle.envelope import Envelope
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.loop.periods import Actor, policy_actor, program_actor
from robocell_controller.path.control_path import ControlPath
from robocell_controller.path.estimator import View
from robocell_controller.path.programs import PickPlaceProgram, load_program_config
from robocell_controller.rights import stay_behind
from robocell_controller.rollout.store import PREFIX, Store
from robocell_controller.summary import Cycle
from robocell_controller.trust.anchors import remember_epoch
from robocell_controller.trust.keys import TrustedKey, announce

Action = npt.NDArray[np.floating]
# What takes the place of a cycle's outcome where the program has stepped in: for part of it, or from its beginning.
REPLACED, ABSENT = "replaced", "absent"
_PROGRAM = "program:"
_LOOK_EVERY_S = 0.1  # at the store's log


class Deployment(Protocol):
    """What the loop needs of it."""

    @property
    def envelope(self) -> Envelope | None:
        """What the policy of this cycle has learned from; None for a program."""

    def act(self, path: ControlPath, view: View) -> Action:
        """Action, shape [5], for one policy period."""

    def warm_up(self, path: ControlPath, view: View) -> Action:
        """As :meth:`act`, before the run: whoever may act in it decides once, and nothing is counted."""

    def cycle_ended(self, cycle: Cycle) -> None:
        """A cycle is over, the next one has not begun."""

    def report(self, fault: bool) -> dict[str, Any]:
        """Fields of the run's summary: ``signed_by``, and ``rollout`` where there is something to tell.

        ``fault`` says that the loop has stopped itself in the middle of a cycle. Called once, when the run is over.
        """

    def close(self) -> None:
        """Ends what runs in the background."""


@dataclass(frozen=True, slots=True)
class Solo:
    """One policy or program from beginning to end."""

    actor: Actor
    key: TrustedKey | None
    envelope: Envelope | None

    def act(self, path: ControlPath, view: View) -> Action:
        """The actor's."""
        return self.actor(path, view)

    def warm_up(self, path: ControlPath, view: View) -> Action:
        """The actor's."""
        return self.actor(path, view)

    def cycle_ended(self, cycle: Cycle) -> None:
        """Nothing changes."""

    def report(self, fault: bool) -> dict[str, Any]:
        """Who signed it."""
        return {"signed_by": signed_by(self.key)}

    def close(self) -> None:
        """Nothing runs in the background."""


class Following:
    """The promoted policy of a name, whatever that is: a promotion or roll-back takes effect with the next cycle.

    A thread looks at the store's log, checks what is new and makes its session ready; the loop only changes hands.
    """

    def __init__(self, name: str, cell: CellConfig, store: Store) -> None:
        """Loads what is promoted now."""
        self._name, self._cell, self._store = name, cell, store
        self._digest = store.promoted(name)
        self._current = self._next = admitted(store.path(self._digest), cell)
        self._swaps = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def envelope(self) -> Envelope:
        """The current policy's."""
        return self._current.envelope

    def act(self, path: ControlPath, view: View) -> Action:
        """The current policy's."""
        return self._current.policy.act(path.observation(view))

    def warm_up(self, path: ControlPath, view: View) -> Action:
        """The current policy's."""
        return self.act(path, view)

    def cycle_ended(self, cycle: Cycle) -> None:
        """Changes hands if something else is promoted by now."""
        ready = self._next
        self._swaps += ready is not self._current
        self._current = ready

    def report(self, fault: bool) -> dict[str, Any]:
        """Who signed what acts now, and how often it has changed."""
        return {"signed_by": signed_by(self._current.key), "rollout": {"mode": "store", "swaps": self._swaps}}

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Makes ready what is promoted now; what is refused or can't be read changes nothing."""
        try:
            digest = self._store.promoted(self._name)
            if digest != self._digest:
                self._next = admitted(self._store.path(digest), self._cell)
                self._digest = digest
        except (InputError, OSError) as error:
            print(f"robocell: {error}", file=sys.stderr)

    def _follow(self) -> None:
        seen = self._changed()
        while not self._stop.wait(_LOOK_EVERY_S):
            stay_behind()  # the loop gets its priority only after this thread's start
            if (now := self._changed()) != seen:
                seen = now
                self.look()

    def _changed(self) -> tuple[int, int]:
        try:
            about = self._store.log.stat()
        except OSError:  # whoever took it away has not promoted anything
            return 0, 0
        return about.st_size, about.st_mtime_ns


def deploy(reference: str, cell: CellConfig) -> Deployment:
    """Who acts: a bundle folder, ``store:NAME``, or ``program:guided``.

    Raises:
        InputError: no such program or name, or a bundle that does not pass its checks.
    """
    if reference.startswith(PREFIX):
        return Following(reference.removeprefix(PREFIX), cell, Store())
    if not reference.startswith(_PROGRAM):
        bundle = admitted(Path(reference), cell)
        return Solo(policy_actor(bundle.policy), bundle.key, bundle.envelope)
    if reference != f"{_PROGRAM}guided":  # the others need what only a simulation or a teacher knows
        expected = f"{_PROGRAM}guided, {PREFIX}NAME or a bundle folder"
        raise InputError(reference, "not a program of the controller", expected)
    config = load_program_config("guided")
    return Solo(program_actor(PickPlaceProgram(config, cell.motion, cell.rates, cell.load_robot().gripper)), None, None)


def admitted(folder: Path, cell: CellConfig, on_trial: bool = False) -> Bundle:
    """A bundle that may drive this cell; a development key is called one on stderr.

    Its epoch is remembered, which shuts older ones out; not that of a candidate ``on_trial``.

    Raises:
        RefusedError: it does not pass its checks.
    """
    bundle = load_bundle(folder, cell)
    if not on_trial:
        remember_epoch(bundle.manifest.name, bundle.manifest.epoch, bundle.key.kind)
    announce(folder, bundle.key)
    return bundle


def signed_by(key: TrustedKey | None) -> dict[str, str] | None:
    """The key as summaries show it."""
    return {"id": key.id, "name": key.name, "kind": key.kind} if key else None
