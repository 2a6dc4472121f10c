"""What trust hangs on at this installation: its keys, the highest epochs that it has seen, and the date."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from pydantic import Field

from robocell_controller.config import Config
from robocell_controller.files import write_bytes
from robocell_controller.trust.canonical import json_bytes, read_canonical
from robocell_controller.trust.home import home, locked
from robocell_controller.trust.keys import KeyRing, Kind, load_ring
from robocell_controller.trust.refusals import Code, RefusedError

Epoch = Annotated[int, Ge(1)]
EpochsByName = dict[str, Epoch]


class Epochs(Config):
    """Highest epoch seen of each bundle's name, by the kind of key that signed it.

    Kept apart, so that a bundle of a development key can neither push out released ones nor be pushed out by them.
    """

    release: EpochsByName = Field(default_factory=dict)
    development: EpochsByName = Field(default_factory=dict)

    def of(self, kind: Kind) -> EpochsByName:
        """Those seen under one kind of key."""
        return self.release if kind == "release" else self.development


@dataclass(frozen=True, slots=True)
class Anchors:
    """Keys, epochs and the date."""

    ring: KeyRing
    epochs: Epochs = field(default_factory=Epochs)
    today: date = field(default_factory=lambda: datetime.now(timezone.utc).date())

    def check_epoch(self, place: Path, name: str, epoch: int, kind: Kind) -> None:
        """Guards against an old bundle in a new one's place.

        Raises:
            RefusedError: a higher epoch of that name has been seen.
        """
        seen = self.epochs.of(kind).get(name, 0)
        if epoch < seen:
            raise RefusedError(
                Code.EPOCH_OLD, f"{place}: epoch", str(epoch), f"at least {seen}, seen before of '{name}'"
            )


def load_anchors() -> Anchors:
    """This installation's.

    Raises:
        InputError: a key file or the memory of epochs is damaged.
    """
    return Anchors(load_ring(), _read_epochs())


def remember_epoch(name: str, epoch: int, kind: Kind) -> None:
    """Lets no lower epoch of that name in any more.

    Raises:
        InputError: the memory is damaged or can't be written.
    """
    if _read_epochs().of(kind).get(name, 0) >= epoch:
        return
    with locked(home()):
        epochs = _read_epochs()
        seen = {**epochs.of(kind), name: max(epoch, epochs.of(kind).get(name, 0))}
        write_bytes(_file(), json_bytes(epochs.model_copy(update={kind: seen}).model_dump()))


def _read_epochs() -> Epochs:
    """An installation that has seen nothing has no file yet; a damaged one is never taken for that."""
    if not _file().exists():
        return Epochs()
    return read_canonical(Epochs, _file(), _file().read_bytes())


def _file() -> Path:
    return home() / "epochs.json"
