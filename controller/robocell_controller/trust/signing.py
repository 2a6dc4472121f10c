"""Signatures: ed25519 over the bytes of the manifest, in a small JSON file that names the key by its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import StringConstraints

from robocell_controller.config import Config
from robocell_controller.errors import InputError
from robocell_controller.files import write_bytes
from robocell_controller.trust.canonical import json_bytes, read_canonical
from robocell_controller.trust.home import home
from robocell_controller.trust.keys import KeyId, KeyRing, Kind, TrustedKey, trusted_key, user_folder, write_key
from robocell_controller.trust.refusals import Code, RefusedError

DEVELOPMENT = "development"  # name of the key that is made on first use
VALID_YEARS = 2


class Signature(Config):
    """Content of ``manifest.sig``: the key by its id, never the key itself."""

    schema_version: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    key: KeyId
    signature: Annotated[str, StringConstraints(pattern="^[0-9a-f]{128}$")]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and what others know of it."""

    private: Ed25519PrivateKey
    public: TrustedKey

    def sign(self, content: bytes) -> bytes:
        """Bytes of the signature file of ``content``; the same content gives the same bytes."""
        return json_bytes(Signature(key=self.public.id, signature=self.private.sign(content).hex()).model_dump())


def verify(path: Path, data: bytes, content: bytes, ring: KeyRing, today: date) -> TrustedKey:
    """The trusted key that signed ``content``.

    Args:
        path: of the signature file, for errors.
        data: its bytes.
        content: what it has to be the signature of.
        ring: the keys that are known.
        today: the day on which the key has to be valid.

    Raises:
        RefusedError: not one signature, a key that is not trusted, or a signature of something else.
    """
    if data.count(b'"signature"') > 1:
        raise RefusedError(Code.SIG_SEVERAL, path, "several signatures", "one")
    try:
        signature = read_canonical(Signature, path, data)
    except RefusedError as error:
        raise RefusedError(Code.SIG_FORMAT, *error.arguments) from error
    key = ring.trusted(path, signature.key, today)
    try:
        key.loaded().verify(bytes.fromhex(signature.signature), content)
    except InvalidSignature as error:
        found = f"not the signature that '{key.name}' ({key.id}) gives the manifest"
        raise RefusedError(Code.SIG_WRONG, path, found, "manifest and signature as they were signed") from error
    return key


def ephemeral_key(name: str, kind: Kind, today: date) -> SigningKey:
    """A new key that lives in this process only."""
    private = Ed25519PrivateKey.generate()
    expires = date(today.year + VALID_YEARS, today.month, min(today.day, 28))
    return SigningKey(private, trusted_key(name, kind, private.public_key(), expires))


def new_key(name: str, kind: Kind, today: date) -> SigningKey:
    """Makes a key, keeps its private half readable for this user only, and trusts it on this installation.

    Raises:
        InputError: there is one of that name.
    """
    key = ephemeral_key(name, kind, today)
    for path in (private_file(name), user_folder() / f"{name}.yaml"):
        if path.exists():
            raise InputError(path, "exists already", "another name: a key is never overwritten")
    write_private(private_file(name), key.private)
    try:
        write_key(user_folder(), key.public)
    except BaseException:
        private_file(name).unlink()  # half a key would take the name
        raise
    return key


def load_signing_key(ring: KeyRing, name: str, today: date) -> SigningKey:
    """The key ``name`` of this installation; ``development`` is made on first use.

    Raises:
        InputError: no such key, a file that others can read, or one whose public half is not trusted here.
    """
    path = private_file(name)
    if name == DEVELOPMENT and not path.exists():
        return new_key(name, "development", today)
    private = read_private(path)
    known = next((key for key in ring.keys.values() if key.loaded() == private.public_key()), None)
    if known is None or known.state(today) != "trusted":
        state = known.state(today) if known else f"not in {user_folder()}"
        raise InputError(path, f"its public half is {state}", "a trusted key (robocell keys list)")
    return SigningKey(private, known)


def private_file(name: str) -> Path:
    """Where the private half of the key ``name`` lies."""
    return home() / "private" / f"{name}.pem"


def write_private(path: Path, key: Ed25519PrivateKey) -> None:
    """Writes a private key that nobody else can read."""
    write_bytes(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a file.

    Raises:
        InputError: no such key, or others can read it.
    """
    expected = "a private key made by robocell keys new"
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(path, "readable for others", "mode 0600")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise InputError(path, error.strerror or str(error), expected) from error
    except (ValueError, TypeError) as error:
        raise InputError(path, str(error), expected) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(path, type(key).__name__, expected)
    return key
