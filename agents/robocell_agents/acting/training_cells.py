"""The cells that a training is about: its own, further ones, and its own under production changes."""

from __future__ import annotations

from robocell_agents.acting.training_config import TrainingConfig
from robocell_agents.suites.changes import load_change
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import merged
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import simulation_config
from robocell_envs.plant.cell_checks import load_cell

_SHARED = ("robot", "rates", "motion")  # they give observations and actions their meaning


def training_cells(config: TrainingConfig) -> list[CellConfig]:
    """The cells in their order, the first one nominal.

    Raises:
        InputError: no such cell or change, or one in which observations or actions mean something else.
    """
    named = {f"cell {name}": load_cell(name) for name in (config.cell, *config.also)}
    named.update({f"change {name}": load_change(name).conditions["within"] for name in config.changes})
    first, *others = named.items()
    for place, cell in others:
        for key in _SHARED:
            if getattr(cell, key) != getattr(first[1], key):
                raise InputError(f"{place}: {key}", "another one", f"that of {config.cell}, for one policy")
    return [_rewarded(cell, config.reward) for cell in named.values()]


def _rewarded(cell: CellConfig, weights: dict[str, float]) -> CellConfig:
    """The cell with these weights of reward terms in place of its own."""
    simulation = merged(cell.simulation, {"task": {"reward": weights}})
    changed = cell.model_copy(update={"simulation": simulation})
    simulation_config(changed, "training config: reward, in cell")
    return changed
