"""Dataclasses that carry data along the path: frozen for the type checker, plain and quick at run time.

Python enforces a frozen dataclass in its constructor, field by field, which makes it three times as slow to build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, slots: bool):
        """``dataclass``, but writable whatever ``frozen`` says."""
        return dataclass(slots=slots)


__all__ = ["record"]
