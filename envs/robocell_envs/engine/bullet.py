"""PyBullet, imported without its greetings: its C code writes them to the process's standard output and error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Sends what anyone writes to file descriptors 1 and 2 to nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    try:
        yield
    finally:
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(nowhere)


with quiet():
    import pybullet
    from pybullet_utils.bullet_client import BulletClient


def connect() -> BulletClient:
    """A new simulation without a window."""
    with quiet():
        return BulletClient(pybullet.DIRECT)


def number(client: BulletClient) -> int:
    """The client's number, last argument of all of ``pybullet``'s functions.

    What is called in each step goes there directly, all arguments in their order: the client looks a function up anew
    at each call, and each argument that is given by name is looked for, which together cost more than a short call.
    """
    return int(client._client)


__all__ = ["BulletClient", "connect", "number", "pybullet", "quiet"]
