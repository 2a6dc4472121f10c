"""PyBullet, imported and connected without its greetings."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Nothing(ctypes.Structure):
    """Hooks of a stream of C, none of which is there: what is written is dropped, and no descriptor is open for it."""

    _fields_ = [(hook, ctypes.c_void_p) for hook in ("read", "write", "seek", "close")]


_C = ctypes.CDLL(None)
_C.fopencookie.argtypes, _C.fopencookie.restype = (ctypes.c_void_p, ctypes.c_char_p, _Nothing), ctypes.c_void_p
_NOWHERE = _C.fopencookie(None, b"w", _Nothing())
_STREAMS = tuple(ctypes.c_void_p.in_dll(_C, name) for name in ("stdout", "stderr"))
_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what Bullet prints; what Python code prints, in any thread, arrives.

    Bullet prints to C's variables ``stdout`` and ``stderr``, Python to the descriptors 1 and 2, so it is these
    variables that point elsewhere meanwhile. Descriptors belong to the whole process: they are left alone.
    """
    with _LOCK:
        before = [stream.value for stream in _STREAMS]
        for stream in _STREAMS:
            stream.value = _NOWHERE
        try:
            yield
        finally:
            for stream, value in zip(_STREAMS, before, strict=True):
                stream.value = value


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
