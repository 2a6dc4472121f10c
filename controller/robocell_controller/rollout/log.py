"""The store's log: one line an event, each signed and chained to the one before; it is only ever added to."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field, StringConstraints

from robocell_controller.config import Config, parse
from robocell_controller.files import add, write_bytes, writing
from robocell_controller.trust.canonical import read_object
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.trust.signing import private_file, read_private, write_private

Event = Literal["install", "promote", "rollback", "reject", "undecided"]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_KEY = "store-log"  # signs the log, and is trusted for nothing else
_START = "0" * 64


class Entry(Config):
    """One event.

    Attributes:
        seq: counted from 0.
        time: UTC, ISO 8601.
        event: what happened; ``reject`` and ``undecided`` are ends of a canary that change nothing.
        name: of the policy.
        bundle: that is installed, or in use from now on, or was rejected.
        evidence: why; what a canary has measured.
        previous: SHA-256 of the line before.
    """

    seq: Annotated[int, Ge(0)]
    time: str
    event: Event
    name: str
    bundle: Digest
    evidence: dict[str, Any] = Field(default_factory=dict)
    previous: Digest


def read_entries(path: Path) -> list[Entry]:
    """All events; a last line that was cut short by a kill or a power cut never happened.

    Raises:
        RefusedError: a line was changed, taken out or put in.
    """
    if not path.exists():
        return []
    public = read_private(private_file(_KEY)).public_key()
    entries: list[Entry] = []
    previous = _START
    for line in _whole_lines(path.read_bytes()):
        place = path.with_name(f"{path.name}:{len(entries) + 1}")
        content = read_object(place, line)
        entry = parse(Entry, content.get("entry", {}), place)
        try:
            public.verify(bytes.fromhex(content["signature"]), _compact(entry.model_dump()))
        except (InvalidSignature, KeyError, TypeError, ValueError) as error:
            raise RefusedError(Code.STORE, place, "a changed line", "the line as it was signed") from error
        if (entry.seq, entry.previous) != (len(entries), previous):
            raise RefusedError(Code.STORE, place, "lines taken out or put in", "the line after the one before")
        entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    return entries


def torn(path: Path) -> int:
    """Bytes at the end of the log that are no whole line, of an event that a kill or a power cut has undone."""
    return len(path.read_bytes().rpartition(b"\n")[2]) if path.exists() else 0


def append(path: Path, event: Event, name: str, bundle: str, evidence: dict[str, Any]) -> Entry:
    """Adds one event, on to the disk; only for whoever holds the store's lock.

    Raises:
        RefusedError: the log is damaged.
        InputError: it can't be written.
        OSError: a fault of the machine, such as a full disk.
    """
    key = _signing_key(path)
    entries = read_entries(path)
    whole = b"".join(line + b"\n" for line in _whole_lines(path.read_bytes())) if entries else b""
    last = whole[:-1].rpartition(b"\n")[2]
    previous = hashlib.sha256(last).hexdigest() if entries else _START
    time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    entry = Entry(
        seq=len(entries), time=time, event=event, name=name, bundle=bundle, evidence=evidence, previous=previous
    )
    content = {"entry": entry.model_dump(), "signature": key.sign(_compact(entry.model_dump())).hex()}
    with writing(path), path.open("ab", buffering=0) as file:
        file.truncate(len(whole))  # a torn tail
        file.seek(len(whole))
        add(file, _compact(content) + b"\n")
        os.fsync(file.fileno())
    return entry


def _whole_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def _compact(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _signing_key(path: Path) -> Ed25519PrivateKey:
    """Made with the first event; its public half lies beside the log, for those who audit it elsewhere."""
    file = private_file(_KEY)
    if not file.exists() and path.exists():
        raise RefusedError(Code.STORE, path, f"{file} is missing", "the key that signed it")
    if not file.exists():
        write_private(file, Ed25519PrivateKey.generate())
    key = read_private(file)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not (path.parent / "log-key.pem").exists():
        write_bytes(path.parent / "log-key.pem", public)
    return key
