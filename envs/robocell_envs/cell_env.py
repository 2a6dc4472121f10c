"""The cell as a Gymnasium environment: the one path around the simulated plant, plus a task."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.loop.clock import FreeRunningClock
from robocell_controller.path.estimator import View
from robocell_controller.path.observer import BOUNDS
from robocell_envs.engine.lifetime import Unique, retire
from robocell_envs.engine.rendering import render
from robocell_envs.engine.window import viewed
from robocell_envs.plant.cell_checks import CellName, load_cell
from robocell_envs.plant.simulated import SimulatedPlant
from robocell_envs.scene.scenario import Scenario
from robocell_envs.soundness import check_finite, checked_action
from robocell_envs.tasks import pick_place as task

Observation = npt.NDArray[np.float32]
Action = npt.NDArray[np.float32]
_RESET = "expected a call of reset() first"


class PickPlaceEnv(Unique, gymnasium.Env[Observation, Action]):
    """Pick one part from the table and place it in a tray slot.

    **Observation** (``Box``, float32; value = quantity / scale, clipped; see ``robocell_controller.path.observer``):

    ===== ========================= ==== ========= ====== =============================================
    index name                      unit scale     clip   meaning
    ===== ========================= ==== ========= ====== =============================================
    0-2   tcp_from_workspace_centre m    0.3       ±3     TCP position (base frame, x y z)
    3-5   tcp_velocity              m/s  1.0       ±3     TCP velocity of the setpoint
    6-8   part_from_tcp             m    0.3       ±3     tracked part centre seen from the TCP
    9-11  part_from_tcp_fine        m    0.03      ±1     the same, resolved near zero
    12-14 place_from_part           m    0.3       ±3     where the part belongs, seen from the part
    15-17 place_from_part_fine      m    0.03      ±1     the same, resolved near zero
    18    part_yaw_from_tcp         rad  π/4       ±3     to the quarter turn nearest to the place's
    19    place_yaw_from_part       rad  π/4       ±3
    20-21 part_width, part_height   m    0.08      ±3     from the recipe
    22    gripper_width             m    0.08      ±3
    23    gripper_width_minus_part  m    0.02      ±1
    24    gripper_speed             m/s  0.1       ±3     rate of the width
    25    gripper_effort            N    70        ±3
    26    holding                   1    1         ±3     something is between the pads
    27    part_age                  s    0.2       ±3     time since the tracked pose was taken
    28-29 part_velocity             m/s  0.3       ±3     x, y: of the belt under it, or of the hand that holds it
    30    part_crush_force          N    70        ±3     from the recipe, ±30 %
    31    lift_force                N    5         ±3     on what is held, from the joint torques
    32    gripper_command           1    1         ±3     opening, or minus the share of force, in force
    ===== ========================= ==== ========= ====== =============================================

    **Action** (``Box`` [-1, 1], float32):

    ===== ======== ==================================================================================================
    index name     meaning
    ===== ======== ==================================================================================================
    0-2   tcp_dx.. TCP displacement in one policy period, base frame; 1 = speed limit × period
    3     tcp_dyaw TCP rotation about base z in one policy period
    4     gripper  [0, 1]: go to that share of the stroke; [-1, 0): grip with a² of the force, or what the part bears
    ===== ======== ==================================================================================================

    Numbers beyond the bounds are clipped; another shape raises ``InputError``, NaN or infinity ``FloatingPointError``.

    **Success**: the part lies in the slot within the task's tolerances, at rest, released, the hand clear of it.
    **Episode end**: terminated at success, at a collision (the open hand strikes the part from above), when the part is
    crushed or falls from the table; truncated at the time limit. Further steps go on with the same part.
    **Randomised**: part pose, size, mass, friction, colour; slot pose; start pose; sensor noise (cell config).
    **Reward**: sum of ``info["reward_terms"]``, see ``robocell_envs.tasks.pick_place``.

    **Version history**: v0, first version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - declared so by Gymnasium
        "render_modes": ["rgb_array", "human"],
        "render_fps": 25,
    }

    def __init__(self, cell: CellName = "pick_place", render_mode: str | None = None) -> None:
        """Builds the cell.

        Args:
            cell: a config, or the name or file of one.
            render_mode: ``"rgb_array"``, ``"human"`` (a window, in real time) or None.

        Raises:
            InputError: bad cell, another render mode, or no display for a window.
        """
        self.cell = load_cell(cell)
        modes = (*self.metadata["render_modes"], None)
        if render_mode not in modes:
            raise InputError("render_mode", repr(render_mode), f"one of {', '.join(map(repr, modes))}")
        self.render_mode = render_mode
        human = render_mode == "human"
        self.plant = SimulatedPlant(self.cell, visual=render_mode is not None, window=human)
        self._clock = viewed(self.plant.world.client, self.cell.rates.policy_hz) if human else FreeRunningClock()
        self.path = self.cell.control_path()
        self.plant.kinematics = self.path.kinematics  # sound encoders and truth ask for the same pose: reckoned once
        self.observation_space = gymnasium.spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION_SIZE,), dtype=np.float32)
        self._stroke = self.cell.load_robot().gripper.stroke_m
        self._drawn_from: int | None = None
        self._view: View | None = None
        self._steps, self._open = 0, False  # of the part's cycle; whether an episode may be stepped on
        self._period, self._most_steps = self.cell.rates.tick * self.cell.rates.ticks, self.cell.steps_per_cycle

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new part; bit-reproducible from ``seed``, and so is every reset after it.

        Raises:
            InputError: any options; there are none.
        """
        if options:
            raise InputError("reset: options", repr(options), "none")
        super().reset(seed=seed)
        self._drawn_from = int(self.np_random.integers(2**63))
        return self.begin(self.plant.draw(self._drawn_from)), {}

    def begin(self, scenario: Scenario) -> Observation:
        """Starts an episode with a scenario of our choice."""
        self.plant.load(scenario)
        state = self.plant.read()
        self.path.reset(state.q, state.dq, state.gripper_width / self._stroke)
        self._steps, self._open = 0, True
        return self._observe({})

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One policy period. A cell goes on after the end of an episode too, until it is reset.

        Raises:
            InputError, FloatingPointError: see :mod:`robocell_envs.soundness`; after a wrong action nothing has moved.
            ResetNeeded: no episode was begun.
        """
        if not self._open:
            raise ResetNeeded(f"step without an episode; {_RESET}")
        verdict = self.path.command(self.checked(action))
        before, record = self.plant.now, self.plant.record
        energy, force = record.energy, record.peak_force
        self.plant.play(verdict.segment)
        self._clock.wait()
        self._steps += 1
        outcome = self.plant.outcome()
        placed = outcome == task.PLACED
        spent = task.Spent(self._period, record.energy - energy, record.peak_force - force)
        truncated = outcome is None and self._steps >= self._most_steps
        ended = task.OUT_OF_TIME if truncated else outcome
        terms = task.reward_terms(self.plant.config.task, before, self.plant.now, ended, spent)
        info: dict[str, Any] = {"reward_terms": terms, "is_success": placed}
        if outcome or truncated:
            info["cycle"] = self._cycle(placed)
        over = self._go_on(info, outcome is not None, truncated)
        return self._observe(terms), float(sum(terms.values())), *over, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """A picture of the cell, uint8 [height, width, 3]; None if the cell is in a window or not to be seen.

        Raises:
            ResetNeeded: there is nothing to be seen yet.
        """
        if self._view is None:
            raise ResetNeeded(f"render of an empty cell; {_RESET}")
        return render(self.plant.world.client) if self.render_mode == "rgb_array" else None

    def checked(self, action: npt.ArrayLike) -> npt.NDArray[np.floating]:
        """The action for the next step, see :func:`robocell_envs.soundness.checked_action`."""
        return checked_action(action, self._drawn_from, self._steps + 1)

    def random_state(self) -> dict[str, Any]:
        """State of the stream that resets draw from, as JSON."""
        return dict(self.np_random.bit_generator.state)

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Lets resets go on drawing where :meth:`random_state` was taken."""
        self.np_random.bit_generator.state = state

    def close(self) -> None:
        """Ends the simulator; may be called twice. Other methods raise ``ClosedEnvironmentError`` from now on."""
        self.plant.close()
        retire(self)

    @property
    def view(self) -> View:
        """What programs act on at this step.

        Raises:
            ResetNeeded: before the first one.
        """
        if self._view is None:
            raise ResetNeeded(f"view of an empty cell; {_RESET}")
        return self._view

    def _go_on(self, info: dict[str, Any], ended: bool, truncated: bool) -> tuple[bool, bool]:
        """Whether the episode is over, terminated or truncated, now that the cycle is or is not."""
        return ended, truncated

    def _observe(self, terms: dict[str, float]) -> Observation:
        self._view = view = self.path.view(self.plant.read())
        observation = self.path.observation(view)
        check_finite(observation, terms, self._drawn_from, self._steps)
        return observation

    def _cycle(self, placed: bool) -> dict[str, Any]:
        record = self.plant.record
        return {
            "success": placed,
            "time_s": record.time,
            "drops": record.drops,
            "placement_error_m": self.plant.now.placement_error,
            "energy_j": record.energy,
            "peak_force_n": record.peak_force,
            "impact_n": record.impact,
            "failure": None if placed else self.plant.failure(),
        }


class ConveyorPickEnv(PickPlaceEnv):
    """Pick a part from the moving infeed belt and place it in a tray slot.

    **Observation**, **action**, **success**, **reward**: those of :class:`PickPlaceEnv`, so one policy serves both.
    **Episode end**: as there, and when the part leaves the end of the belt untouched (missed).
    **Randomised**: as there, and the belt's speed and friction, and where on the belt the part lies.

    **Version history**: v0, first version.
    """

    def __init__(self, cell: CellName = "conveyor_pick", render_mode: str | None = None) -> None:
        """Builds the cell; see :class:`PickPlaceEnv`."""
        super().__init__(cell, render_mode)
