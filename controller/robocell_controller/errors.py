"""The one error a user's bad input raises: printed as one line, exit code 2."""

from __future__ import annotations

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
