"""The life of what holds a simulation: there is one of it, and once closed it does nothing more."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction
from typing import NoReturn

from gymnasium.error import ClosedEnvironmentError

_OURS = __name__.split(".")[0]  # methods that Gymnasium gives are none that reach Bullet


class Unique:
    """Base of what holds a simulation, which is part of this process: neither copied nor pickled."""

    def __reduce__(self) -> NoReturn:
        """What ``copy`` and ``pickle`` ask.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"a {type(self).__name__} can't be copied or pickled, it holds a simulation of this process; "
            "expected another one, made with the same arguments"
        )


def retire(closed: Unique) -> None:
    """What is closed can do nothing any more but be closed again; what it knew can still be read.

    None of its methods may go on with its client's number, which Bullet gives to the next client. A flag that they
    look at would cost each step; methods that are exchanged cost none.
    """
    for kind in type(closed).__mro__:
        if kind.__module__.startswith(_OURS):
            names = (name for name, member in vars(kind).items() if isfunction(member))
            vars(closed).update((name, _refusal(closed, name)) for name in names if not name.startswith("_"))
    vars(closed).pop("close", None)


def _refusal(closed: Unique, method: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise ClosedEnvironmentError(f"{method} of a closed {type(closed).__name__}; expected a new one")

    return refuse
