"""The contract that travels with a policy: what its numbers mean, checked against controller and cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from robocell_controller.cell import CellConfig
from robocell_controller.config import Config
from robocell_controller.contract import ACTION_NAMES
from robocell_controller.errors import InputError
from robocell_controller.motion import MotionConfig, RatesConfig
from robocell_controller.observer import FEATURES


class FeatureConfig(Config):
    """One entry of the observation, see ``observer.Feature``."""

    name: str
    unit: str
    scale: float
    clip: float


class Contract(Config):
    """Robot, rates, motion, and name, unit, scale and bound of every number, in order."""

    schema_version: Literal[1] = 1
    cell: str
    robot: str
    rates: RatesConfig
    motion: MotionConfig
    observation: list[FeatureConfig]
    action: list[str]


def own_contract(cell: CellConfig, name: str) -> Contract:
    """The contract of a policy trained in ``cell``, known as ``name``, with this version of the code."""
    return Contract(
        cell=name,
        robot=cell.load_robot().name,
        rates=cell.rates,
        motion=cell.motion,
        observation=_features(),
        action=list(ACTION_NAMES),
    )


def check_contract(path: Path, contract: Contract, cell: CellConfig | None) -> None:
    """Compares a contract with this controller's observer and actions and, where there is one, with the cell.

    Raises:
        InputError: names the first field of the file ``path`` that differs.
    """
    own = contract.model_copy(update={"observation": _features(), "action": list(ACTION_NAMES)})
    _check_equal(path, contract, own, "this controller")
    if cell is not None:
        _check_equal(path, contract, own_contract(cell, contract.cell), "this cell")


def _features() -> list[FeatureConfig]:
    return [FeatureConfig(name=f.name, unit=f.unit, scale=f.scale, clip=f.clip) for f in FEATURES]


def _check_equal(path: Path, contract: Contract, own: Contract, owner: str) -> None:
    difference = _difference("", contract.model_dump(), own.model_dump())
    if difference:
        place, found, expected = difference
        raise InputError(f"{path}: {place.lstrip('.')}", repr(found), f"{expected!r}, as {owner} has it")


def _difference(place: str, found: Any, expected: Any) -> tuple[str, Any, Any] | None:
    """Place, value found and value expected where two nested values first differ."""
    if isinstance(found, dict):
        pairs = [(f"{place}.{key}", found[key], expected[key]) for key in found]
    elif isinstance(found, list):
        if len(found) != len(expected):
            return place, f"{len(found)} entries", f"{len(expected)} entries"
        pairs = [(f"{place}.{i}", a, b) for i, (a, b) in enumerate(zip(found, expected, strict=True))]
    else:
        return None if found == expected else (place, found, expected)
    return next((hit for pair in pairs if (hit := _difference(*pair))), None)
