"""Whether the hand can hold the parts that a cell's ranges allow, and lift the worst of them without harm."""

from __future__ import annotations

from collections.abc import Sequence

from robocell_controller.arm.robot import GripperConfig
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_envs.config.simulation import SimulationConfig, simulation_config
from robocell_envs.scene.parts import mass

_GRAVITY = 9.81  # m/s²
_LIFTING = 5.0  # m/s², with which a brisk program lifts
GRIP_CLEARANCE = 0.01  # m between open fingers and the widest part, both sides together: what the tracker may be off
# kg. Tried with `program:guided`: of parts below 5 g most are lost; 2.2 kg go well, 3.2 kg don't, and the Panda's
# payload of 3 kg (data sheet) less its hand of 0.73 kg is 2.27 kg.
_LIGHTEST, _HEAVIEST = 0.005, 2.2


def check_grip(
    kinds: Sequence[str],
    widths: Sequence[float],
    heights: Sequence[float],
    densities: Sequence[float],
    gripper: GripperConfig,
    place: str,
) -> None:
    """Checks that all parts of some ranges fit between the fingers and are neither too light nor too heavy.

    Raises:
        InputError: they don't; ``place`` is what stands before the key.
    """
    most = gripper.stroke_m - GRIP_CLEARANCE
    if widths[1] > most:
        expected = f"at most {most:.3f} m, the gripper's stroke less {GRIP_CLEARANCE} m of clearance"
        raise InputError(f"{place}width_m", f"{widths[1]:g} m", expected)
    for index in (0, 1):
        for kind in kinds:
            each = mass(kind, widths[index], heights[index], densities[index])
            if not _LIGHTEST <= each <= _HEAVIEST:
                found = f"{densities[index]:g} kg/m³, which makes parts of {each:.4f} kg"
                raise InputError(f"{place}density_kg_m3", found, f"parts of {_LIGHTEST} to {_HEAVIEST} kg")


def check_liftable(cell: CellConfig, place: str) -> None:
    """Checks that 2·μ·F ≥ m·(g + a) for the worst part in the worst hand, and that the part bears such a grip.

    Coulomb friction acts at both pads. The worst combination is the heaviest part with the least friction and crush
    force, in a hand with the most wear that faults or events bring.

    Raises:
        InputError: it can't be lifted, or not unharmed; ``place`` says where the cell comes from.
    """
    config, gripper = simulation_config(cell, place), cell.load_robot().gripper
    part = config.part
    heaviest = max(mass(kind, part.width_m[1], part.height_m[1], part.density_kg_m3[1]) for kind in part.kinds)
    force_share, pad_share = _worst_wear(config)
    friction = part.friction[0] * gripper.pad_friction * pad_share
    needed = heaviest * (_GRAVITY + _LIFTING) / (2.0 * max(friction, 1e-9))
    if needed > force_share * gripper.force_max_n:
        found = f"up to {heaviest:.2f} kg at friction {friction:.2f} takes {needed:.0f} N"
        raise InputError(f"{place}.simulation.part", found, f"at most {force_share * gripper.force_max_n:.0f} N")
    least = max(needed, gripper.force_min_n)
    if least > part.crush_force_n[0]:
        found = f"{part.crush_force_n[0]:.1f} N, but lifting takes {least:.1f} N"
        raise InputError(f"{place}.simulation.part.crush_force_n", found, "more than that")


def _worst_wear(config: SimulationConfig) -> tuple[float, float]:
    """Least shares of force and of the pads' friction, at the start or after any event."""
    states = [config.faults, *(event.faults for event in config.events)]
    return min(state.gripper_force_share[0] for state in states), min(state.pad_friction_share[0] for state in states)
