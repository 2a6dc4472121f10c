"""The cells that a training is about: its own, further ones, and its own under production changes."""

from __future__ import annotations

from robocell_agents.acting.settings import HindsightSettings
from robocell_agents.acting.training_config import GOAL_ALGORITHMS, TrainingConfig
from robocell_agents.suites.changes import load_change
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import merged, parse
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import RewardConfig, key_at
from robocell_envs.plant.cell_checks import load_cell

_SHARED = ("robot", "rates", "motion")  # they give observations and actions their meaning


def training_cells(config: TrainingConfig, place: str = "training config") -> list[CellConfig]:
    """The cells in their order, the first one nominal; ``place`` says in errors where the config comes from.

    Raises:
        InputError: no such cell or change, one in which observations or actions mean something else, or one whose
            episodes are too long for hindsight.
    """
    named = {f"cell {name}": load_cell(name) for name in (config.cell, *config.also)}
    named.update({f"change {name}": load_change(name).conditions["within"] for name in config.changes})
    first, *others = named.items()
    for name, cell in others:
        for key in _SHARED:
            if getattr(cell, key) != getattr(first[1], key):
                raise InputError(f"{name}: {key}", "another one", f"that of {config.cell}, for one policy")
    _check_hindsight(config, list(named.values()), place)
    return [_rewarded(cell, config.reward, key_at(place, "reward")) for cell in named.values()]


def _check_hindsight(config: TrainingConfig, cells: list[CellConfig], place: str) -> None:
    """Hindsight learns from whole episodes: there is one before it begins, and the buffer has room for it."""
    if config.algorithm not in GOAL_ALGORITHMS:
        return
    least = config.n_envs * max(cell.steps_per_cycle for cell in cells)
    settings = HindsightSettings(**config.settings)
    for key in ("learning_starts", "buffer_size"):
        if getattr(settings, key) < least:
            found, expected = (
                str(getattr(settings, key)),
                f"at least {least}: an episode in each of {config.n_envs} cells",
            )
            raise InputError(key_at(place, f"settings.{key}"), found, expected)


def _rewarded(cell: CellConfig, weights: dict[str, float], place: str) -> CellConfig:
    """The cell with these weights of reward terms in place of its own."""
    parse(RewardConfig, merged(cell.simulation["task"]["reward"], weights), place)
    return cell.model_copy(update={"simulation": merged(cell.simulation, {"task": {"reward": weights}})})
