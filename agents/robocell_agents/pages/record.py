"""``robocell record``: a movie of seeded episodes, in real time, with a strip that says what is happening."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robocell_agents import provenance
from robocell_agents.acting.actors import Actor, announced_actor
from robocell_agents.evaluation.evaluate import metrics
from robocell_agents.pages.movie import movie
from robocell_agents.pages.overlay import Gauge, Moment, Tally, overlay
from robocell_agents.suites.suite import load_suite
from robocell_controller.contract import ACTION_SIZE
from robocell_controller.errors import InputError
from robocell_controller.progress import progress_bar
from robocell_envs.cell_env import Action, PickPlaceEnv
from robocell_envs.engine.rendering import CAMERAS, Camera, Pixels, draw
from robocell_envs.engine.world import World
from robocell_envs.production_env import make_env
from robocell_envs.tasks.pick_place import in_slot

SIZE = (640, 480)  # pixels of one camera's picture
BOTH = "both"
_PAUSE_S = 1.0  # s that the last picture of an episode stays

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shot:
    """What to record.

    Attributes:
        policy: see :func:`robocell_agents.acting.actors.load_actor`.
        seeds: of the episodes.
        camera: one of ``robocell_envs.engine.rendering.CAMERAS``, or ``both``: side by side.
        suite: name or file of a suite.
        condition: one of its conditions.
    """

    policy: str
    seeds: list[int]
    camera: str = "side"
    suite: str = "nominal"
    condition: str = "nominal"


def record(shot: Shot, out: Path) -> Tally:
    """Plays the episodes and writes the movie, ``.mp4`` or ``.gif``; returns how the episodes went.

    Raises:
        InputError: bad policy, camera, suite, condition or file.
    """
    cameras, suite = _cameras(shot.camera), load_suite(shot.suite)
    if shot.condition not in suite.conditions:
        raise InputError("condition", repr(shot.condition), f"one of {', '.join(suite.conditions)}")
    cell = suite.conditions[shot.condition]
    film, actor = movie(out, cell.rates.policy_hz), announced_actor(shot.policy, suite.cell)
    with closing(make_env(cell, "rgb_array")) as env, film as add, progress_bar() as progress:
        recorder = _Recorder(shot, env, actor, cameras)
        bar = progress.add_task(f"record {recorder.title}", total=len(shot.seeds))
        for number in range(len(shot.seeds)):
            for share, picture in recorder.pictures(number):
                add(picture)
                progress.update(bar, completed=number + share)
    return tally(recorder.cycles)


def state(env: PickPlaceEnv, cycle: Row | None) -> str:
    """What is happening, in the strip's words; ``cycle`` is the outcome of one that has ended."""
    if cycle is not None:
        return "placed" if cycle["success"] else f"failed: {cycle['failure'].replace('_', ' ')}"
    if env.plant.now.held:
        return "holding"
    return "released" if in_slot(env.plant.config.task, env.plant.now) else "approach"


def tally(cycles: list[Row]) -> Tally:
    """Figures of the cycles that have ended, by the rules of ``robocell evaluate``."""
    if not cycles:
        return Tally(0, 0, None, None)
    now = metrics(cycles)
    placed = sum(cycle["success"] for cycle in cycles)
    return Tally(placed, len(cycles), now["cycle_time_s"]["median"], now["parts_per_hour"])


class _Recorder:
    """Plays episodes before the cameras; keeps the outcomes of their cycles."""

    def __init__(self, shot: Shot, env: PickPlaceEnv, actor: Actor, cameras: list[Camera]) -> None:
        self.title = provenance.portable(shot.policy)
        self.cycles: list[Row] = []
        self._shot, self._env, self._actor, self._cameras = shot, env, actor, cameras
        self._gripper = env.cell.load_robot().gripper

    def pictures(self, number: int) -> Iterator[tuple[float, Pixels]]:
        """Plays an episode: a picture of each policy period, with the share of the episode that is over."""
        cell, done = self._env.cell, 0
        for steps, action, cycle, over in self._steps(self._shot.seeds[number]):
            self.cycles += [cycle] if cycle else []
            moment = self._moment(number, done, steps, action, cycle)
            picture = np.asarray(overlay(_picture(self._env.plant.world, self._cameras), moment))
            done += bool(cycle)
            share = 1.0 if over else (done + (0.0 if cycle else steps / cell.steps_per_cycle)) / self._parts
            yield from [(share, picture)] * (1 + round(_PAUSE_S * cell.rates.policy_hz) if over else 1)

    def _steps(self, seed: int) -> Iterator[tuple[int, Action, Row | None, bool]]:
        """Of each period: how many the cycle has so far, the last action, at its end the outcome; is all over?"""
        observation, _ = self._env.reset(seed=seed)
        action, steps, over = np.zeros(ACTION_SIZE, dtype=np.float32), 0, False
        yield steps, action, None, over
        while not over:
            action, steps = self._actor.act(self._env, observation), steps + 1
            observation, _, terminated, truncated, info = self._env.step(action)
            over = terminated or truncated
            yield steps, action, info.get("cycle"), over
            steps = 0 if "cycle" in info else steps

    @property
    def _parts(self) -> int:
        return max(1, len(self._env.plant.scenario.jobs))

    def _moment(self, number: int, done: int, steps: int, action: Action, cycle: Row | None) -> Moment:
        seeds, hz = self._shot.seeds, self._env.cell.rates.policy_hz
        subtitle = f"episode {number + 1} of {len(seeds)} · seed {seeds[number]} · {self._shot.condition}"
        if self._parts > 1:
            subtitle += f" · part {done + 1} of {self._parts}"
        word = state(self._env, cycle)
        return Moment(self.title, subtitle, word, steps / hz, self._gauges(), action, tally(self.cycles))

    def _gauges(self) -> tuple[Gauge, ...]:
        width, effort = self._env.view.gripper_width, self._env.view.gripper_effort
        return (
            Gauge("width", f"{1000 * width:.0f} mm", width / self._gripper.stroke_m),
            Gauge("effort", f"{effort:.0f} N", effort / self._gripper.force_max_n),
        )


def _cameras(name: str) -> list[Camera]:
    if name == BOTH:
        return list(CAMERAS.values())
    if name not in CAMERAS:
        raise InputError("camera", repr(name), f"one of {', '.join(CAMERAS)}, {BOTH}")
    return [CAMERAS[name]]


def _picture(world: World, cameras: list[Camera]) -> Image.Image:
    """What the cameras see, side by side."""
    width, height = SIZE
    picture = Image.new("RGB", (width * len(cameras), height))
    for index, camera in enumerate(cameras):
        drawn = Image.fromarray(draw(world.client, camera).round().astype(np.uint8))
        picture.paste(drawn.resize(SIZE, Image.Resampling.LANCZOS), (width * index, 0))
    return picture
