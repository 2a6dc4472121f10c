"""Sensor states and commands as bytes of one size, the same in shared memory and in the run log, bit for bit."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from robocell_controller.contract import JOINTS, CellState, JointCommand, PartInfo, Setpoint

STATE = struct.Struct(f"<{40 + 3 * JOINTS}d")
COMMAND = struct.Struct(f"<{2 * JOINTS + 1}d")
# Names and counts of the numbers in STATE, in order.
STATE_FIELDS = (
    ("time", 1), ("cycle", 1), ("q", JOINTS), ("dq", JOINTS), ("tau", JOINTS), ("gripper_width", 1),
    ("gripper_effort", 1), ("part_position", 3), ("part_yaw", 1), ("part_age", 1), ("part", 4), ("slot_position", 3),
    ("slot_yaw", 1), ("belt_travel", 1), ("obstacle_height", 1), ("held", 3 * JOINTS),
)  # fmt: skip
_NOT_HELD = [math.nan] * (3 * JOINTS)
_FAR_STATE = struct.Struct("<5q32s32s")
_FAR_COMMAND = struct.Struct("<4q")
FAR_STATE_SIZE, FAR_COMMAND_SIZE = _FAR_STATE.size + STATE.size, _FAR_COMMAND.size + COMMAND.size


def pack_state(state: CellState) -> bytes:
    """A state as ``STATE_FIELDS`` lists its numbers; ``held`` is NaN without a setpoint."""
    part, held = state.part, state.held
    return STATE.pack(
        state.time, state.cycle, *state.q.tolist(), *state.dq.tolist(), *state.tau.tolist(),
        state.gripper_width, state.gripper_effort, *state.part_position.tolist(), state.part_yaw, state.part_age,
        part.width, part.height, part.symmetry, part.crush_force,
        *state.slot_position.tolist(), state.slot_yaw, state.belt_travel, state.obstacle_height,
        *(_NOT_HELD if held is None else [*held.q.tolist(), *held.dq.tolist(), *held.ddq.tolist()]),
    )  # fmt: skip


def unpack_state(content: bytes) -> CellState:
    """The state that :func:`pack_state` was given."""
    n = np.frombuffer(content, dtype="<f8")
    held = None if np.isnan(n[40]) else Setpoint(n[40:47], n[47:54], n[54:61])
    time, cycle = n[:2].tolist()
    width, effort, *_, yaw, age, part_width, part_height, symmetry, crush = n[23:34].tolist()
    slot_yaw, travel, obstacles = n[37:40].tolist()
    return CellState(
        time, n[2:9], n[9:16], n[16:23], width, effort, n[25:28], yaw, age,
        PartInfo(part_width, part_height, int(symmetry), crush),
        n[34:37], slot_yaw, travel, int(cycle), obstacles, held,
    )  # fmt: skip


def pack_command(command: JointCommand) -> bytes:
    """Position and velocity setpoints, then the gripper command."""
    return COMMAND.pack(*command.q.tolist(), *command.dq.tolist(), command.gripper)


def unpack_command(content: bytes) -> JointCommand:
    """The command that :func:`pack_command` was given."""
    n = np.frombuffer(content, dtype="<f8")
    return JointCommand(n[:JOINTS], n[JOINTS : 2 * JOINTS], n[-1].item())


@dataclass(frozen=True, slots=True)
class FarCommand:
    """A command on its way to the drives.

    Attributes:
        sequence: counted over the run.
        stamp: when it was sent, ns.
        valid_until: when the far side must no longer act on it, ns.
        tick: the plant's tick that it is for: the one after the state that it answers.
        command: for the drives.
    """

    sequence: int
    stamp: int
    valid_until: int
    tick: int
    command: JointCommand

    def pack(self) -> bytes:
        """As bytes of one size."""
        return _FAR_COMMAND.pack(self.sequence, self.stamp, self.valid_until, self.tick) + pack_command(self.command)

    @staticmethod
    def unpack(content: bytes) -> FarCommand:
        """What was packed."""
        sequence, stamp, valid_until, tick = _FAR_COMMAND.unpack_from(content)
        return FarCommand(sequence, stamp, valid_until, tick, unpack_command(content[_FAR_COMMAND.size :]))


@dataclass(frozen=True, slots=True)
class FarState:
    """What the plant publishes after each tick.

    Attributes:
        tick: ticks passed since its start.
        stamp: when it was published, ns.
        followed: sequence of the last command that the drives followed; 0 before the first.
        presented: parts that the stations have brought.
        braked: ticks in which the drives had no command to follow and braked.
        fault: why the drives have stopped for good; '' if they have not.
        outcome: the stations' word on the current part; '' while it is open.
        state: the sensors.
    """

    tick: int
    stamp: int
    followed: int
    presented: int
    braked: int
    fault: str
    outcome: str
    state: CellState

    def pack(self) -> bytes:
        """As bytes of one size."""
        numbers = (self.tick, self.stamp, self.followed, self.presented, self.braked)
        return _FAR_STATE.pack(*numbers, self.fault.encode(), self.outcome.encode()) + pack_state(self.state)

    @staticmethod
    def unpack(content: bytes) -> FarState:
        """What was packed."""
        tick, stamp, followed, presented, braked, fault, outcome = _FAR_STATE.unpack_from(content)
        state = unpack_state(content[_FAR_STATE.size :])
        return FarState(tick, stamp, followed, presented, braked, _text(fault), _text(outcome), state)


def _text(content: bytes) -> str:
    return content.rstrip(b"\0").decode()
