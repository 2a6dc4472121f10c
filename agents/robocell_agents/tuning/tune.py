"""``robocell tune``: searches a program's numbers on tuning seeds of nominal production and writes its config."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.progress import Progress

from robocell_agents import provenance
from robocell_agents.acting.actors import PREFIX
from robocell_agents.evaluation.evaluate import Row
from robocell_agents.files import json_with_rows
from robocell_agents.seeds import FIRST_SEED, episode_seeds
from robocell_agents.suites.suite import Suite, load_suite
from robocell_agents.tuning.study import completed, finished, next_trial, open_study
from robocell_agents.tuning.trials import COST, Ranges, Trials, program_config, search_ranges
from robocell_agents.workers import worker_pool
from robocell_controller.errors import InputError
from robocell_controller.files import write_text, writing
from robocell_controller.path.programs import load_program_config
from robocell_controller.progress import progress_bar
from robocell_controller.yaml_core import to_yaml

PROGRAMS = ("guided", "oracle")  # a rigid program meets no part on nominal production: there is nothing to search
FINAL_EPISODES = 300
_FINALISTS = 5
_SUITE, _SEEDS = "nominal", "tuning"
_CHUNK = 20  # episodes after which a hopeless trial is given up
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for.

    Attributes:
        program: ``guided`` or ``oracle``.
        trials: of the whole study, those of earlier calls included.
        episodes: of each trial, always on the same seeds.
        yaml_file: where the tuned program goes.
        json_file: where the results go; the study's journal lies beside it.
        workers: processes; the result does not depend on it.
    """

    program: str
    trials: int
    episodes: int
    yaml_file: Path
    json_file: Path
    workers: int

    @property
    def journal(self) -> Path:
        """File of the Optuna study."""
        return self.json_file.with_suffix(".journal")


def program_name(reference: str) -> str:
    """The program that a reference such as ``program:guided`` names.

    Raises:
        InputError: not a program that is tuned.
    """
    name = reference.removeprefix(PREFIX)
    if reference == name or name not in PROGRAMS:
        raise InputError(reference, "nothing to tune", " or ".join(PREFIX + program for program in PROGRAMS))
    return name


def tune(search: Search) -> Document:
    """Searches, lets the best trials meet on fresh seeds, and writes the winner's config and the results.

    Returns:
        The document that is written to ``search.json_file``.

    Raises:
        InputError: a number is out of range, or the journal is of another search.
    """
    if search.json_file.exists() and not search.json_file.is_file():
        raise InputError(search.json_file, "no plain file", "one: the study's journal lies beside it")
    suite = load_suite(_SUITE)
    ranges = search_ranges(suite.cell.motion, load_program_config(search.program))
    seeds = episode_seeds(_SEEDS, search.episodes + FINAL_EPISODES)
    problem = _problem(search, suite, ranges)
    present = _present(search.program, ranges)
    with writing(search.journal), worker_pool(search.workers) as pool, progress_bar() as progress:
        study = open_study(search.journal, problem, present)
        trials = Trials(pool, search.workers, search.program, suite.cell)
        _check_same_code(study, trials, seeds[: search.episodes], search.journal)
        _search(study, trials, ranges, seeds[: search.episodes], search, progress)
        start = time.monotonic()
        finalists = _finals(study, trials, seeds[search.episodes :], progress)
        wall_s = _wall_s(study) + time.monotonic() - start
    document = {
        **problem,
        **provenance.record(workers=search.workers, wall_s=round(wall_s, 1)),
        **_outcome(study, finalists),
    }
    write_text(search.json_file, json_with_rows(document, "trials"))
    write_text(search.yaml_file, _yaml(search, document))
    return document


def _problem(search: Search, suite: Suite, ranges: Ranges) -> Document:
    """What a study is about: only trials with all of this in common can be compared."""
    return {
        "program": PREFIX + search.program,
        "suite": suite.summary(),
        "seeds": {"range": _SEEDS, "first": FIRST_SEED[_SEEDS], "n": search.episodes},
        "cost": COST,
        "ranges": {key: list(ends) for key, ends in ranges.items()},
    }


def _present(program: str, ranges: Ranges) -> dict[str, float]:
    """The program's present values, which the search begins with: its result can't be worse than they are."""
    values: dict[str, float] = load_program_config(program).model_dump()
    for key, (low, high) in ranges.items():
        if not low <= values[key] <= high:
            raise InputError(f"{program}.yaml: {key}", str(values[key]), f"a value in the range searched, {low}-{high}")
    return values


def _check_same_code(study: optuna.Study, trials: Trials, seeds: list[int], journal: Path) -> None:
    """Plays the start of the first trial again: what it costs may have changed with the code."""
    if not finished(study):
        return
    first = finished(study)[0]
    now = trials.summary(trials.play(program_config(first.params), seeds[:_CHUNK]))["cost_s"]
    if now != first.intermediate_values[0]:
        found = f"its first trial cost {first.intermediate_values[0]} s, and now costs {now} s"
        raise InputError(journal, found, "the code that the study was begun with, or a new file")


def _search(
    study: optuna.Study, trials: Trials, ranges: Ranges, seeds: list[int], search: Search, progress: Progress
) -> None:
    done = len(finished(study))
    bar = progress.add_task("", total=max(search.trials, done), completed=done)
    for _ in range(done, search.trials):
        progress.update(bar, description=_so_far(study, search.program))
        _run(study, next_trial(study, ranges), trials, seeds)
        progress.advance(bar)
    progress.update(bar, description=_so_far(study, search.program))


def _so_far(study: optuna.Study, program: str) -> str:
    best = completed(study)[:1]
    return f"tune {program}" + "".join(f", best {trial.value:.3f} s" for trial in best)


def _run(study: optuna.Study, trial: Trial, trials: Trials, seeds: list[int]) -> None:
    """Plays a trial chunk by chunk until all seeds are played or it is given up."""
    rows: list[Row] = []
    for step, start in enumerate(range(0, len(seeds), _CHUNK)):
        rows += trials.play(program_config(trial.params), seeds[start : start + _CHUNK])
        seen = trials.summary(rows)
        trial.set_user_attr("summary", seen)
        trial.report(seen["cost_s"], step)
        if len(rows) < len(seeds) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, seen["cost_s"])


def _finals(study: optuna.Study, trials: Trials, seeds: list[int], progress: Progress) -> list[Document]:
    """The best distinct trials and the values before (trial 0) on seeds that none of them was chosen by."""
    distinct = {program_config(trial.params).model_dump_json(): trial for trial in reversed(completed(study))}
    best = sorted(distinct.values(), key=lambda trial: trial.value or 0.0)[:_FINALISTS]
    entrants = {trial.number: trial for trial in [*best, finished(study)[0]]}
    bar = progress.add_task(f"the best on {len(seeds)} other seeds", total=len(entrants) * len(seeds))
    finalists: list[Document] = []
    for number, trial in entrants.items():
        config, rows = program_config(trial.params), list[Row]()
        for start in range(0, len(seeds), _CHUNK):
            rows += trials.play(config, seeds[start : start + _CHUNK])
            progress.update(bar, completed=len(finalists) * len(seeds) + len(rows))
        finalists.append({"trial": number, **trials.summary(rows), "config": config.model_dump()})
    return finalists


def _outcome(study: optuna.Study, finalists: list[Document]) -> Document:
    best = min(finalists, key=lambda row: float(row["cost_s"]))
    return {"best": best, "finalists": finalists, "trials": [_trial_row(trial) for trial in finished(study)]}


def _trial_row(trial: FrozenTrial) -> Document:
    config = program_config(trial.params).model_dump()
    return {"trial": trial.number, "state": trial.state.name.lower(), **trial.user_attrs["summary"], "config": config}


def _wall_s(study: optuna.Study) -> float:
    """Wall time of the trials of all calls, s."""
    return sum(trial.duration.total_seconds() for trial in finished(study) if trial.duration)


def _yaml(search: Search, document: Document) -> str:
    """The winner as a program's config, with the story of how it was found."""
    trials, seeds = len(document["trials"]), document["seeds"]
    return (
        f"# Speeds and via points of the {search.program} program, found by\n"
        f"#     {document['command']}\n"
        f"# the best of {trials} trials on {seeds['n']} tuning seeds; the leaders met on {FINAL_EPISODES} others.\n"
        f"# Every trial is in {provenance.portable(str(search.json_file))}.\n"
        f"{to_yaml(document['best']['config'])}"
    )
