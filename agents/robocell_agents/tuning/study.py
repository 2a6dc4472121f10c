"""An Optuna study in a journal file: begun or gone on with, one seeded trial after another.

Every random choice hangs on the number of finished trials alone, so a search that was interrupted and gone on with
finds what an uninterrupted one finds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from robocell_agents.files import reading, repaired_lines
from robocell_controller.errors import InputError
from robocell_controller.files import make_folder

_STARTUP = 30  # trials at random before the sampler's model is asked, and before any is given up
_PROBLEM = "problem"
_WHAT = "the journal of an Optuna study, or a place for one"


def open_study(path: Path, problem: dict[str, Any], start: dict[str, float]) -> optuna.Study:
    """The study in the journal ``path``; a new one tries the values ``start`` first.

    Args:
        path: journal; made where there is none.
        problem: what is searched, as JSON; a study goes on only with the same.
        start: the value of each parameter to begin with.

    Raises:
        InputError: the journal can't be used or holds a study of another problem.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _load(path)
    known = study.user_attrs.get(_PROBLEM)
    if known is None:
        study.enqueue_trial(start, skip_if_exists=True)
        study.set_user_attr(_PROBLEM, problem)
    elif known != problem:
        key = next(key for key in problem if known.get(key) != problem[key])
        raise InputError(f"{path}: {key}", json.dumps(known.get(key)), f"{json.dumps(problem[key])}, or a new file")
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # of a call that was interrupted
    return study


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were played, to their end or until they were given up, in order."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def completed(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were played to their end, best first."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(trials, key=lambda trial: trial.value or 0.0)


def next_trial(study: optuna.Study, ranges: dict[str, tuple[float, float]]) -> Trial:
    """The next trial, its parameters drawn from ``ranges`` on logarithmic scales."""
    seed = len(finished(study))
    study.sampler = TPESampler(n_startup_trials=_STARTUP, multivariate=True, seed=seed)
    return study.ask({key: FloatDistribution(low, high, log=True) for key, (low, high) in ranges.items()})


def _load(path: Path) -> optuna.Study:
    make_folder(path.parent)
    repaired_lines(path, _WHAT)
    with reading(path, _WHAT):
        storage = JournalStorage(JournalFileBackend(str(path)))
        pruner = MedianPruner(n_startup_trials=_STARTUP)
        return optuna.create_study(storage=storage, study_name=path.stem, pruner=pruner, load_if_exists=True)
