"""Trusted keys: a folder of small YAML files, one a key, with expiry and revocation that people can read and edit."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BeforeValidator, StringConstraints

from robocell_controller.config import Config, parse, read_yaml
from robocell_controller.errors import InputError
from robocell_controller.files import write_bytes
from robocell_controller.trust.home import home
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.yaml_core import to_yaml

DEVELOPMENT_NOTICE = "signed with a DEVELOPMENT key, not released for production"
Kind = Literal["release", "development"]
KeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]


def _day(value: Any) -> Any:
    """YAML's core schema knows no dates: they are texts."""
    return date.fromisoformat(value) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day)]


class TrustedKey(Config):
    """One trusted key.

    Attributes:
        id: what signatures call it, see :func:`key_id`.
        name: for people; the file is called after it.
        kind: ``development`` keys are made without ceremony, and every screen says so.
        public_key: PEM.
        expires: the last day on which its signatures count.
        revoked: the day since which they don't, if any; ``reason`` says why.
    """

    id: KeyId
    name: KeyName
    kind: Kind
    public_key: Annotated[str, MinLen(1)]
    expires: Day
    revoked: Day | None = None
    reason: str = ""

    def state(self, today: date) -> Literal["trusted", "expired", "revoked"]:
        """Whether its signatures count on the day ``today``."""
        return "revoked" if self.revoked else "expired" if today > self.expires else "trusted"

    def loaded(self) -> Ed25519PublicKey:
        """The key for the library.

        Raises:
            ValueError: no ed25519 key in PEM.
        """
        key = load_pem_public_key(self.public_key.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"a {type(key).__name__}")
        return key


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that this installation knows, by id."""

    keys: dict[str, TrustedKey]

    def trusted(self, place: Path, identity: str, today: date) -> TrustedKey:
        """The key that ``place`` is signed with.

        Raises:
            RefusedError: unknown, revoked or expired.
        """
        key = self.keys.get(identity)
        if key is None:
            expected = f"a key of this installation (robocell keys list), or its YAML file in {user_folder()}"
            raise RefusedError(Code.SIG_UNKNOWN_KEY, place, f"signed with the unknown key {identity}", expected)
        if key.revoked:
            why = f": {key.reason}" if key.reason else ""
            found = f"signed with '{key.name}' ({key.id}), revoked on {key.revoked}{why}"
            raise RefusedError(Code.SIG_REVOKED_KEY, place, found, "a key that is not revoked")
        if key.state(today) == "expired":
            found = f"signed with '{key.name}' ({key.id}), expired on {key.expires}"
            raise RefusedError(Code.SIG_EXPIRED_KEY, place, found, f"a key that is valid on {today}")
        return key


def warning(kind: str) -> str:
    """What every screen adds to the name of a key of that kind, or of what it signed: nothing for a release key."""
    return f": {DEVELOPMENT_NOTICE}" if kind == "development" else ""


def announce(bundle: Path, key: TrustedKey) -> None:
    """Says on stderr that a bundle is signed with a development key, if it is."""
    if notice := warning(key.kind):
        print(f"robocell: {bundle}{notice}", file=sys.stderr)


def key_id(key: Ed25519PublicKey) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def trusted_key(name: str, kind: Kind, key: Ed25519PublicKey, expires: date) -> TrustedKey:
    """The record of a key.

    Raises:
        InputError: ``name`` can't be a file name.
    """
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    fields = {"id": key_id(key), "name": name, "kind": kind, "public_key": pem, "expires": expires}
    return parse(TrustedKey, fields, "key")


def user_folder() -> Path:
    """Where the user's own trusted keys and revocations lie."""
    return home() / "keys"


def shipped_folder() -> Path:
    """The keys that this release of robocell trusts."""
    return Path(str(files("robocell_configs") / "keys"))


def load_ring() -> KeyRing:
    """The shipped keys and the user's; where both know a key, the stricter word counts.

    Raises:
        InputError: a file that is no trusted key.
    """
    keys: dict[str, TrustedKey] = {}
    for folder in (shipped_folder(), user_folder()):
        for path in sorted(folder.glob("*.yaml")):
            key = read_key(path)
            keys[key.id] = _stricter(keys.get(key.id, key), key)
    return KeyRing(keys)


def read_key(path: Path) -> TrustedKey:
    """One trusted key.

    Raises:
        InputError: no such file, or an id that is not its key's.
    """
    record = parse(TrustedKey, read_yaml(path), path)
    try:
        identity = key_id(record.loaded())
    except ValueError as error:
        raise InputError(f"{path}: public_key", str(error), "an ed25519 public key in PEM") from error
    if identity != record.id:
        raise InputError(f"{path}: id", record.id, f"{identity}, the id of its public key")
    return record


def write_key(folder: Path, key: TrustedKey) -> Path:
    """Writes ``NAME.yaml`` into a folder of trusted keys; returns it."""
    path = folder / f"{key.name}.yaml"
    write_bytes(path, to_yaml(key.model_dump(mode="json")).encode())
    return path


def find_key(ring: KeyRing, name_or_id: str) -> TrustedKey:
    """The one key of that id or name.

    Raises:
        InputError: none, or several of that name.
    """
    found = [key for key in ring.keys.values() if name_or_id in (key.id, key.name)]
    if len(found) != 1:
        names = ", ".join(sorted(f"{key.name} ({key.id})" for key in ring.keys.values())) or "none yet"
        raise InputError(name_or_id, f"{len(found) or 'no'} such keys", f"the id of one of: {names}")
    return found[0]


def revoke(name_or_id: str, reason: str, today: date) -> TrustedKey:
    """Revokes a key for this installation, a shipped one too.

    Raises:
        InputError: no such key.
    """
    key = find_key(load_ring(), name_or_id)
    revoked = key.model_copy(update={"revoked": key.revoked or today, "reason": reason or key.reason})
    own = user_folder() / f"{key.name}.yaml"
    taken = own.exists() and read_key(own).id != key.id  # by another key of the same name
    write_key(user_folder(), revoked.model_copy(update={"name": f"{key.name}-{key.id}"}) if taken else revoked)
    return revoked


def _stricter(first: TrustedKey, second: TrustedKey) -> TrustedKey:
    revoked = first if first.revoked else second
    changes = {"revoked": revoked.revoked, "reason": revoked.reason, "expires": min(first.expires, second.expires)}
    return second.model_copy(update=changes)
