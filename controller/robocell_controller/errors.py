"""The errors that are printed as one line: bad input with exit code 2, a process that died with exit code 1."""

from __future__ import annotations

import signal
from pathlib import Path


class InputError(Exception):
    """Bad input: names the place, what was found there and what was expected."""

    def __init__(self, place: str | Path, found: str, expected: str) -> None:
        """Builds the one-line message.

        Args:
            place: file, file and key (``cell.yaml: rates.policy_hz``) or option.
            found: the value met, or what is wrong with it.
            expected: what would have been right.
        """
        super().__init__(" ".join(f"{place}: {found}; expected {expected}".split()))
        self.arguments = (place, found, expected)

    def __reduce__(self) -> tuple[type[InputError], tuple[str | Path, str, str]]:
        """Lets a worker process hand the error to its parent."""
        return type(self), self.arguments


class ProcessDied(Exception):  # noqa: N818 (what has happened, not what is wrong)
    """A process that the work can't do without has ended; the message says which and how."""

    def __init__(self, name: str, code: int | None) -> None:
        """Takes the process's name, and its exit code if that is known: negative after a signal."""
        super().__init__(f"{name}: {_how(code)}")


def _how(code: int | None) -> str:
    if code is None:
        return "ended before its work was done"
    if code >= 0:
        return f"ended with exit code {code} before its work was done"
    if -code == signal.SIGKILL:
        return "killed by SIGKILL, as the system does when memory has run out"
    return f"killed by {signal.strsignal(-code) or 'signal'} ({-code})"
