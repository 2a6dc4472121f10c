"""Environments of many parts: a recipe's parts one after another, in one world, without a reset between them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from robocell_controller.errors import InputError
from robocell_envs.cell_env import Observation, PickPlaceEnv
from robocell_envs.plant.cell_checks import CellName, load_cell
from robocell_envs.scene.scenario import Scenario
from robocell_envs.tasks.pick_place import MISSED

Record = dict[str, Any]
DISTURBED = "disturbed"  # failure class of a part that was placed, and moved afterwards


class RecipeEnv(PickPlaceEnv):
    """A cell that works off a recipe; the environments below say which.

    One part at a time is what observation, action and reward are about. When it is placed or lost, the recipe's next
    part is, in the same world; a lost part is taken out of the cell.
    """

    def __init__(self, cell: CellName, render_mode: str | None = None) -> None:
        """Builds the cell; see :class:`PickPlaceEnv`.

        Raises:
            InputError: as there, and a cell without a recipe.
        """
        super().__init__(cell, render_mode)
        if self.plant.config.recipe is None:
            self.close()
            raise InputError("cell: simulation.recipe", "missing", "a recipe")

    def begin(self, scenario: Scenario) -> Observation:
        """Starts an episode with a scenario of our choice."""
        self._records: dict[int, Record] = {}
        return super().begin(scenario)

    def _go_on(self, info: dict[str, Any], ended: bool, truncated: bool) -> tuple[bool, bool]:
        flow = self.plant.flow
        if flow is None or not (ended or truncated):
            return False, False
        self._records[flow.turn_of] = info["cycle"]
        if self.plant.next_part():
            self._steps = 0
            return False, False
        info["shift"] = self._summary()
        info["is_success"] = info["shift"]["quality"] == 1.0
        self._open = False  # no part is left that a step could be about
        return ended, truncated

    def _cycle(self, placed: bool) -> Record:
        flow = self.plant.flow
        assert flow is not None  # there is a recipe
        return {**self._named(flow.turn_of), **super()._cycle(placed)}

    def _named(self, index: int) -> Record:
        """What the recipe says of a part."""
        job = self.plant.scenario.jobs[index]
        return {
            "part": index,
            "variant": job.variant,
            "defect": job.part.defective,
            "station": job.station,
            "slot": job.slot,
        }

    def _summary(self) -> dict[str, Any]:
        """What became of the parts."""
        records = [self._final(index) for index in range(len(self.plant.scenario.jobs))]
        good = [record for record in records if record["success"]]
        rejected = sum(record["defect"] for record in good)
        time_s = self.plant.time
        return {
            "parts": len(records),
            "placed": len(good) - rejected,
            "rejected": rejected,
            "failures": dict(Counter(record["failure"] for record in records if record["failure"]).most_common()),
            "drops": sum(record["drops"] for record in records),
            "time_s": time_s,
            "parts_per_hour": 3600.0 * len(good) / time_s,
            "quality": len(good) / len(records),
            "cycles": records,
        }

    def _final(self, index: int) -> Record:
        """A part's record in the end: that of its cycle, unless it had none or did not stay where it was put."""
        flow = self.plant.flow
        if index not in self._records:
            nothing = dict.fromkeys(("time_s", "placement_error_m", "energy_j", "peak_force_n", "impact_n"), 0.0)
            return {**self._named(index), "success": False, "drops": 0, **nothing, "failure": MISSED}
        if flow and index in flow.disturbed:
            return {**self._records[index], "success": False, "failure": DISTURBED}
        return self._records[index]


class KittingEnv(RecipeEnv):
    """Fill a tray with parts of several variants, in the recipe's order.

    **Observation**, **action**: those of :class:`PickPlaceEnv`, of the part whose turn it is and the slot where it
    belongs, so one policy serves both. What else stands in the cell is not in them: programs are told its height, and
    whoever acts is kept above it but where it takes a part up or puts it down (``robocell_controller.path.crossing``).
    **Stations**: a tray, the infeed where the parts wait, and over it, on a post beside the arm's way, the tracker's
    camera; a recipe whose camera does not see all places where parts are picked is refused.
    **Success**: of a part as there; of the episode (``info["is_success"]`` at its end): every part of the recipe was
    placed, and lay within the tolerance of its slot when its tray left or the episode ended.
    **Part lost**: at a collision, crushed, fallen from the table, or at the cycle's time limit; it is taken out of
    the cell, and its slot stays empty.
    **Episode end**: after the recipe's last part; truncated if that one ran into the time limit, else terminated.
    A further step raises ``gymnasium.error.ResetNeeded``.
    **Randomised**: scatter and yaw of the waiting parts, density, friction and crush force of each; start pose;
    sensor noise (cell config, part variants).
    **Reward**: sum of each part's ``info["reward_terms"]``, see ``robocell_envs.tasks.pick_place``.
    **Info**: ``cycle`` in the step in which a part's turn ends: its number, variant, station, slot and what became of
    it; ``shift`` at the end of the episode: counts, parts per hour, quality (share of parts that are where they
    belong) and all cycles.

    **Version history**: v0, first version.
    """

    def __init__(self, cell: CellName = "kitting", render_mode: str | None = None) -> None:
        """Builds the cell; see :class:`RecipeEnv`."""
        super().__init__(cell, render_mode)


class SortEnv(RecipeEnv):
    """Sort mixed parts by kind into the slots of a tray, and defective ones into the reject bin.

    **Observation**, **action**, **episode end**, **reward**, **info**: those of :class:`KittingEnv`. For a defective
    part the place is over the bin, where it is to be let go; it is wider than the recipe says, and dark.
    **Success**: of a good part as there; of a defective one: it lies in the bin, released.
    **Randomised**: as there, and the order of the parts and which of them are defective.

    **Version history**: v0, first version.
    """

    def __init__(self, cell: CellName = "sort", render_mode: str | None = None) -> None:
        """Builds the cell; see :class:`RecipeEnv`."""
        super().__init__(cell, render_mode)


class ShiftEnv(RecipeEnv):
    """A production shift: many parts from the moving belt, tray after tray, with changeovers between variants.

    **Observation**, **action**, **reward**, **info**: those of :class:`KittingEnv`.
    **Success**: as in :class:`SortEnv`; what counts is ``info["shift"]``: ``parts_per_hour`` and ``quality``.
    **Part lost**: as there, and when it leaves the end of the belt (missed), before its turn too.
    **Episode end**: as there. A slot that is filled again is one of the next tray; the full one leaves the cell.
    **Randomised**: as there, and the belt's speed and friction, the parts' spacing and their lanes on it.

    **Version history**: v0, first version.
    """

    def __init__(self, cell: CellName = "shift", render_mode: str | None = None) -> None:
        """Builds the cell; see :class:`RecipeEnv`."""
        super().__init__(cell, render_mode)


def make_env(cell: CellName, render_mode: str | None = None) -> PickPlaceEnv:
    """The environment of a cell: of its recipe if it has one, else of a single part."""
    cell = load_cell(cell)
    return (RecipeEnv if cell.simulation.get("recipe") else PickPlaceEnv)(cell, render_mode)
