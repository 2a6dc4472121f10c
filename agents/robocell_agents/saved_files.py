"""A policy that was trained elsewhere, by its files: what Stable-Baselines3 saved, and its normaliser if it has one.

As one word, ``my.zip+vecnormalize.pkl``: so studies name it, and so workers are told of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robocell_controller.errors import InputError

_ENDING, _MARK = ".zip", "+"
_NORMALISERS = "*vec*normalize*.pkl"  # as SB3's documentation, its checkpoints and RL Zoo call them


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """What ``save`` of a model and, if there was one, of a ``VecNormalize`` wrote."""

    policy: Path
    normaliser: Path | None = None

    def __str__(self) -> str:
        return _MARK.join(map(str, self.all))

    @property
    def all(self) -> list[Path]:
        """Every file that is unpickled."""
        return [self.policy, *filter(None, [self.normaliser])]


def saved_files(reference: str) -> SavedFiles | None:
    """What a reference to an actor names, if it names a policy from elsewhere."""
    policy, mark, normaliser = reference.partition(_ENDING + _MARK)
    if mark:
        return SavedFiles(Path(policy + _ENDING), Path(normaliser))
    return SavedFiles(Path(reference)) if reference.endswith(_ENDING) and not Path(reference).is_dir() else None


def with_normaliser(reference: str, normaliser: Path | None) -> str:
    """The reference to a policy and the normaliser that is named beside it.

    Raises:
        InputError: a normaliser for what has its own or none.
    """
    if normaliser is None:
        return reference
    files = saved_files(reference)
    if files is None or files.normaliser:
        raise InputError("--normaliser", f"{normaliser} for {reference}", f"a policy that SB3 saved, FILE{_ENDING}")
    return str(SavedFiles(files.policy, normaliser))


def normalisers_beside(folder: Path) -> list[Path]:
    """Normalisers that lie in a folder, by their names."""
    return sorted(folder.glob(_NORMALISERS))
