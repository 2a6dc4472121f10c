"""Finds the plant that a cell names, among what is installed."""

from __future__ import annotations

from importlib.metadata import entry_points

from robocell_controller.cell.config import CellConfig
from robocell_controller.contract import Plant
from robocell_controller.errors import InputError

PLANTS = "robocell.plants"  # entry points: functions of a cell config and a seed that return a plant


def make_plant(cell: CellConfig, name: str, seed: int) -> Plant:
    """The plant that the cell ``name`` names.

    Raises:
        InputError: no installed package offers it, or what it needs is not installed.
    """
    found = {entry.name: entry for entry in entry_points(group=PLANTS)}
    place = f"{name}: plant"
    if cell.plant not in found:
        raise InputError(place, repr(cell.plant), f"one of {', '.join(sorted(found)) or 'none installed'}")
    try:
        factory = found[cell.plant].load()
    except ModuleNotFoundError as error:
        found_text = f"{cell.plant!r} needs {error.name}, which is not installed"
        raise InputError(place, found_text, "what pip install 'robocell[train]' brings") from error
    plant: Plant = factory(cell, seed)
    return plant
