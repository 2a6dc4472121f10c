"""The store: bundles by what is in them, and a log that says which one a cell runs. A kill leaves old or new."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robocell_controller.bundle.bundle import Bundle, load_bundle
from robocell_controller.bundle.manifest import MANIFEST, SIGNATURE
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.files import SCRATCH, folder_beside, make_folder
from robocell_controller.rollout.log import Entry, Event, append, read_entries
from robocell_controller.trust.anchors import remember_epoch
from robocell_controller.trust.home import home, locked

PREFIX = "store:"
_SHORT = 8  # digits of a digest that people have to type, at least


@dataclass(frozen=True, slots=True)
class Installed:
    """A bundle of the store.

    Attributes:
        name: of the policy.
        digest: SHA-256 of manifest and signature.
        promoted: whether ``store:NAME`` is this one.
        key_kind: of the key that signed it: ``release`` or ``development``.
    """

    name: str
    digest: str
    promoted: bool
    key_kind: str


class Store:
    """``objects/DIGEST/`` are bundles, never changed; ``log.jsonl`` is the state, read anew for each question."""

    def __init__(self, folder: Path | None = None) -> None:
        """Opens the store of this installation, or the one in ``folder``; an empty one needs no folder yet."""
        self._folder = folder or home() / "store"
        self.log = self._folder / "log.jsonl"

    def install(self, bundle: Path, cell: CellConfig) -> Entry:
        """Checks a bundle as ``robocell run`` does, and puts what was checked into the store.

        Raises:
            InputError: it is refused, or the store can't be written.
        """
        checked = load_bundle(bundle, cell)
        digest = _digest(checked.files)
        with locked(self._folder):
            self._put(digest, checked.files)
            known = [each for each in self.entries() if each.event == "install" and each.bundle == digest]
            return known[-1] if known else append(self.log, "install", checked.manifest.name, digest, _origin(checked))

    def promote(self, reference: str, cell: CellConfig, evidence: Mapping[str, Any] | None = None) -> Entry:
        """Makes an installed bundle the one that ``store:NAME`` runs; from now on lower epochs are refused.

        Args:
            reference: digest, its beginning, or a name, which stands for what was installed last under it.
            cell: what it is to drive: it is checked again.
            evidence: goes into the log.

        Raises:
            InputError: no such bundle, or it is refused.
        """
        chosen = self.find(reference)
        checked = load_bundle(self.path(chosen.digest), cell)
        with locked(self._folder):
            remember_epoch(chosen.name, checked.manifest.epoch, checked.key.kind)
            return append(self.log, "promote", chosen.name, chosen.digest, dict(evidence or {}))

    def rollback(self, name: str, cell: CellConfig, evidence: Mapping[str, Any] | None = None) -> Entry:
        """Goes back to what ``store:NAME`` was before its last promotion.

        Raises:
            InputError: there is nothing to go back to, or it is refused.
        """
        with locked(self._folder):
            stack = self._promotions().get(name, [])
            if len(stack) < 2:
                raise InputError(f"{PREFIX}{name}", f"{len(stack)} promotions in force", "two, to go back to the first")
            load_bundle(self.path(stack[-2]), cell)
            return append(self.log, "rollback", name, stack[-2], dict(evidence or {}))

    def note(self, event: Event, name: str, digest: str, evidence: Mapping[str, Any]) -> Entry:
        """Writes an event that changes nothing into the log."""
        with locked(self._folder):
            return append(self.log, event, name, digest, dict(evidence))

    def promoted(self, name: str) -> str:
        """Digest of what ``store:NAME`` runs.

        Raises:
            InputError: nothing was promoted under this name.
        """
        stack = self._promotions().get(name)
        if not stack:
            names = ", ".join(sorted(self._promotions())) or "none yet"
            raise InputError(f"{PREFIX}{name}", "nothing promoted", f"one of: {names} (robocell policy promote)")
        return stack[-1]

    def installed(self) -> list[Installed]:
        """All bundles, in the order of their installation."""
        in_use = {stack[-1] for stack in self._promotions().values()}
        return [
            Installed(each.name, each.bundle, each.bundle in in_use, str(each.evidence["key_kind"]))
            for each in self.entries()
            if each.event == "install"
        ]

    def find(self, reference: str) -> Installed:
        """The bundle of a digest or its beginning, or the one that was installed last under a name.

        Raises:
            InputError: none, or several.
        """
        everything = self.installed()
        named = [each for each in everything if each.name == reference]
        begins = [each for each in everything if len(reference) >= _SHORT and each.digest.startswith(reference)]
        found = named[-1:] or begins
        if len(found) != 1:
            known = ", ".join(f"{each.name} ({each.digest[:12]})" for each in everything) or "none yet"
            raise InputError(reference, f"{len(found) or 'no'} such bundles in the store", f"one of: {known}")
        return found[0]

    def path(self, digest: str) -> Path:
        """Folder of a bundle."""
        return self._folder / "objects" / digest

    def entries(self) -> list[Entry]:
        """The log.

        Raises:
            RefusedError: it was tampered with.
        """
        return read_entries(self.log)

    def _promotions(self) -> dict[str, list[str]]:
        """By name, the promotions in force, the last one on top."""
        stacks: dict[str, list[str]] = {}
        for entry in self.entries():
            stack = stacks.setdefault(entry.name, [])
            if entry.event == "rollback":
                stack.pop()
            elif entry.event == "promote" and stack[-1:] != [entry.bundle]:
                stack.append(entry.bundle)
        return {name: stack for name, stack in stacks.items() if stack}

    def _put(self, digest: str, files: Mapping[str, bytes]) -> None:
        """Whole or not at all: written beside, on to the disk, then renamed. What a kill has left is swept away."""
        objects = self._folder / "objects"
        make_folder(objects)
        for left in objects.glob(f"{SCRATCH}*"):
            shutil.rmtree(left)
        if self.path(digest).exists():
            return
        with folder_beside(self.path(digest)) as new:
            for name, content in files.items():
                (new / name).write_bytes(content)


def _digest(files: Mapping[str, bytes]) -> str:
    """Manifest and signature vouch for the rest."""
    return hashlib.sha256(files[MANIFEST] + files[SIGNATURE]).hexdigest()


def _origin(bundle: Bundle) -> dict[str, Any]:
    manifest, key = bundle.manifest, bundle.key
    return {"version": manifest.version, "epoch": manifest.epoch, "key": key.id, "key_kind": key.kind}
