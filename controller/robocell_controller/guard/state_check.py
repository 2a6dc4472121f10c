"""Sensor values before anything acts on them: finite, of the right shape, fresh; and what the arm touches."""

from __future__ import annotations

import math

import numpy as np

from robocell_controller.arm.kinematics import Kinematics
from robocell_controller.contract import JOINTS, CellState, Setpoint
from robocell_controller.guard.config import GuardConfig


def state_fault(state: CellState, age: float, config: GuardConfig) -> str:
    """Why this state must not be acted on; '' if it may be.

    Args:
        state: sensor values.
        age: s since the driver took them, on the controller's clock.
        config: how old they may be.
    """
    shapes = [(state.q, JOINTS), (state.dq, JOINTS), (state.tau, JOINTS), (state.part_position, 3)]
    if any(np.shape(values) != (size,) for values, size in (*shapes, (state.slot_position, 3))):
        return "sensor shape"
    part, numbers = state.part, (state.time, state.gripper_width, state.gripper_effort, state.part_yaw, state.part_age)
    told = (state.slot_yaw, state.belt_travel, state.obstacle_height, part.width, part.height, part.crush_force)
    held = () if state.held is None else (state.held.q, state.held.dq, state.held.ddq)
    arrays = (state.q, state.dq, state.tau, state.part_position, state.slot_position, *held)
    if not (np.isfinite(np.concatenate(arrays)).all() and all(map(math.isfinite, (*numbers, *told)))):
        return "sensor not finite"
    return "" if 0.0 <= age <= 1e-3 * config.state_age_ms else "stale state"


class ContactWatch:
    """Tells a contact from the joint torques that are not the arm's own, tick by tick."""

    def __init__(self, kinematics: Kinematics, config: GuardConfig) -> None:
        """Takes the arm's dynamics, and from ``config`` the torques and for how many ticks on end."""
        self._kinematics = kinematics
        self._bounds = np.array(config.contact_torque_n_m)
        self._ticks = config.contact_ticks
        self._seen = 0

    def touches(self, state: CellState, setpoint: Setpoint) -> bool:
        """Whether the arm, last told ``setpoint``, is in contact. Standing, it starts to count anew.

        So after a contact has stopped it, the arm may try to leave.
        """
        if not setpoint.dq.any():
            self._seen = 0
            return False
        beyond = self._kinematics.torque_beyond_own(state.q, state.dq, setpoint.ddq, state.tau)
        self._seen = 0 if (np.abs(beyond) <= self._bounds).all() else self._seen + 1
        return self._seen >= self._ticks
