"""``robocell study`` of one policy's adaptation: can it know within a part what has changed, and does it act on it?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from robocell_agents import provenance
from robocell_agents.acting.actors import PREFIX
from robocell_agents.acting.demonstrations import Floats, Layers, action_from, last_hidden
from robocell_agents.acting.settings import Episodes, SeedRange
from robocell_agents.acting.training_config import Names
from robocell_agents.evaluation.evaluate import worker_actor, worker_env
from robocell_agents.evaluation.probe import policy_layers, readable, so_far
from robocell_agents.files import folded_json
from robocell_agents.seeds import FIRST_SEED, episode_seeds
from robocell_agents.studies.adaptation_report import ADAPTATION, adaptation_files
from robocell_agents.studies.config import REFERENCE
from robocell_agents.suites.changes import load_change
from robocell_agents.suites.suite import changed_cell
from robocell_agents.workers import worker_pool
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import Config, load, locate, read_config
from robocell_controller.files import write_text
from robocell_controller.progress import progress_bar
from robocell_envs.cell_env import PickPlaceEnv
from robocell_envs.scene.feasibility import check_liftable

_KIND = "studies"
_KEY = "varied"  # which only a study of adaptation has
_CHUNK = 10  # episodes
_STEP = 2  # policy periods between two probes
_LEVELS = 4  # of the document that stand on lines of their own
Document = dict[str, Any]


class EpisodesConfig(Config):
    """Episodes for the probes, and of each condition."""

    probes: Episodes
    conditions: Episodes


class AdaptationConfig(Config):
    """One study of adaptation.

    Attributes:
        policy: bundle or run folder.
        cell: where the probes are taken.
        varied: nested changes of it: the ranges from which each episode draws what is to be known.
        conditions: production changes under which behaviour is looked at, as far as training goes.
        episodes: how many.
        seeds: name of a range of seeds.
        out: folder for the results.
    """

    policy: str
    cell: str
    varied: dict[str, Any]
    conditions: Names
    episodes: EpisodesConfig
    seeds: SeedRange
    out: str


@dataclass(frozen=True, slots=True)
class Told:
    """One episode of the probes.

    Attributes:
        observations: [steps, observation].
        hidden: [steps, last hidden layer].
        truth: what was to be known, by name.
        grip: first step at which something was between the pads; None: never.
    """

    observations: Floats
    hidden: Floats
    truth: dict[str, float]
    grip: int | None


def is_adaptation_study(name_or_path: str | Path) -> bool:
    """Whether a study is about one policy's adaptation."""
    return _KEY in read_config(_KIND, locate(_KIND, name_or_path))


def adaptation_study(name_or_path: str | Path, workers: int) -> tuple[Document, Path]:
    """Plays the episodes, fits the probes, and writes results and plot into the study's folder.

    Args:
        name_or_path: name of a default study, or a file.
        workers: processes; the results do not depend on it.

    Returns:
        The document that is written to ``adaptation.json``, and the folder.

    Raises:
        InputError: bad study, policy or change.
    """
    path = locate(_KIND, name_or_path)
    config = load(AdaptationConfig, _KIND, path)
    cell = changed_cell(read_config("cells", locate("cells", config.cell)), config.varied, f"{path}: varied")
    check_liftable(cell, f"{path}: varied")
    layers, conditions = policy_layers(config.policy, cell), _conditions(config)
    with worker_pool(workers) as pool, progress_bar() as progress:
        plays = _Plays(pool, progress, config)
        told = plays.told(layers, cell)
        behaviour = {
            name: {actor: _summary(plays.behaviour(actor, changed)) for actor in ("policy", REFERENCE)}
            for name, changed in conditions.items()
        }
    document = {
        "study": path.stem,
        "policy": config.policy,
        **provenance.record(workers=workers),
        "seeds": {"range": config.seeds, "first": FIRST_SEED[config.seeds], **config.episodes.model_dump()},
        "probes": {"cell": Path(config.cell).stem, **probes(told, cell.rates.tick * cell.rates.ticks)},
        "conditions": behaviour,
    }
    out = Path(config.out)
    write_text(out / ADAPTATION, folded_json(document, _LEVELS) + "\n")
    for file, text in adaptation_files(out).items():
        write_text(file, text)
    return document, out


def _conditions(config: AdaptationConfig) -> dict[str, CellConfig]:
    """Nominal production, of the first change's cell, and each change as far as training goes."""
    changes = {name: load_change(name) for name in config.conditions}
    nominal = next(iter(changes.values())).cell
    return {"nominal": nominal, **{name: change.conditions["within"] for name, change in changes.items()}}


class _Plays:
    """Episodes, spread over processes behind a progress bar."""

    def __init__(self, pool: Executor, progress: Progress, config: AdaptationConfig) -> None:
        self._pool = pool
        self._progress = progress
        self._config = config

    def told(self, layers: Layers, cell: CellConfig) -> list[Told]:
        """The episodes of the probes."""
        return self._all("probes", self._config.episodes.probes, _tell, layers, cell.model_dump_json())

    def behaviour(self, actor: str, cell: CellConfig) -> list[Document]:
        """What the policy or the reference does under a condition."""
        reference = self._config.policy if actor == "policy" else PREFIX + actor
        return self._all(actor, self._config.episodes.conditions, _behave, reference, cell.model_dump_json())

    def _all(self, name: str, episodes: int, job: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
        seeds = episode_seeds(self._config.seeds, episodes)
        chunks = [seeds[start : start + _CHUNK] for start in range(0, episodes, _CHUNK)]
        bar, found = self._progress.add_task(name, total=episodes), []
        for rows in self._pool.map(job, chunks, *(repeat(argument) for argument in arguments)):
            found += rows
            self._progress.advance(bar, len(rows))
        return found


def probes(told: list[Told], period: float) -> Document:
    """How much of each truth can be read how early.

    Returns:
        ``times_s`` since the part's appearance; ``grip_s``: median time of the first grip; ``r2``: by quantity from the
        observations (``seen``) and from the last hidden layer (``computed``), one number for each time. What was the
        same in all episodes is left out.
    """
    steps = list(range(0, int(np.median([len(one.observations) for one in told])), _STEP))
    grips = [one.grip for one in told if one.grip is not None]
    r2 = {}
    for name in told[0].truth:
        values = np.array([one.truth[name] for one in told])
        if np.ptp(values) > 0.0:
            sources = {"seen": [one.observations for one in told], "computed": [one.hidden for one in told]}
            r2[name] = {
                key: [round(readable(so_far(rows, step), values), 4) for step in steps] for key, rows in sources.items()
            }
    grip_s = float(np.median(grips)) * period if grips else None
    return {"times_s": [round(step * period, 4) for step in steps], "grip_s": grip_s, "r2": r2}


def _tell(seeds: list[int], layers: Layers, cell_json: str) -> list[Told]:
    """A worker's job: episodes of the network, with what it sees, what it computes, and the truth."""
    env, told = worker_env(cell_json), []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        observations, hidden, grip, over = [], [], None, False
        while not over:
            inner = last_hidden(layers, observation)
            observations.append(observation)
            hidden.append(inner)
            if grip is None and env.view.holding:
                grip = len(observations) - 1
            observation, _, terminated, truncated, _ = env.step(action_from(layers, inner))
            over = terminated or truncated
        told.append(Told(np.array(observations), np.array(hidden), _truth(env), grip))
    return told


def _truth(env: PickPlaceEnv) -> dict[str, float]:
    part, belt, faults = env.plant.scenario.part, env.plant.scenario.belt, env.plant.faults
    return {
        "mass of the part": part.mass,
        "friction of part and pads": part.friction * faults.pad_friction_share,
        "force of the worn gripper": faults.gripper_force_share,
        "speed of the belt": belt.speed * faults.belt_speed_share if belt else 0.0,
    }


def _behave(seeds: list[int], reference: str, cell_json: str) -> list[Document]:
    """A worker's job: what an actor does with the part in its hand."""
    env, actor, rows = worker_env(cell_json), worker_actor(reference, cell_json), []
    force_max = env.cell.load_robot().gripper.force_max_n
    period = env.cell.rates.tick * env.cell.rates.ticks
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        forces, velocities, over = [], [], False
        while not over:
            observation, _, terminated, truncated, info = env.step(actor.act(env, observation))
            over = terminated or truncated
            if env.view.holding:
                forces.append(max(0.0, -env.view.gripper_command) * force_max)
                velocities.append(env.view.tcp_velocity)
        changes = np.linalg.norm(np.diff(np.array(velocities), axis=0), axis=1) if len(velocities) > 1 else np.zeros(0)
        rows.append(
            {
                "success": bool(info["is_success"]),
                "time_s": info["cycle"]["time_s"],
                "grip_force_n": float(np.median(forces)) if forces else None,
                "acceleration_m_s2": float(changes.max() / period) if changes.size else None,
            }
        )
    return rows


def _summary(rows: list[Document]) -> Document:
    """Success, and median with quartiles of the rest over the episodes that have it."""
    summary: Document = {"success": sum(row["success"] for row in rows) / len(rows)}
    for key in ("time_s", "grip_force_n", "acceleration_m_s2"):
        values = [row[key] for row in rows if row[key] is not None]
        low, median, high = np.percentile(values, [25, 50, 75]).tolist() if values else (None, None, None)
        summary[key] = {"low": low, "median": median, "high": high}
    return summary
