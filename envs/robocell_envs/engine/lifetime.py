"""The life of what holds a simulation: there is one of it, and once closed it refuses all use."""

from __future__ import annotations

from typing import NoReturn

from gymnasium.error import ClosedEnvironmentError


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


class Closed:
    """What is left of a closed world or plant."""

    def close(self) -> None:
        """May be called again; there is nothing to free."""

    def __getattr__(self, name: str) -> NoReturn:
        """All else that is asked of it.

        Raises:
            ClosedEnvironmentError: always.
        """
        raise ClosedEnvironmentError(f"{name} of a closed simulation; expected a new environment or plant")


def retire(closed: object) -> None:
    """Makes ``closed`` a :class:`Closed`.

    Nothing may go on with its client's number, which Bullet gives to the next client. A flag that all methods look at
    would cost each step; a class that is changed costs none.
    """
    vars(closed).clear()
    closed.__class__ = Closed
