"""``robocell study``: contestants on nominal production and under every change, on the same seeds, chunk by chunk."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robocell_agents import provenance
from robocell_agents.acting.actors import PREFIX, announced_actor
from robocell_agents.evaluation.evaluate import Row, play_chunk
from robocell_agents.saved_files import saved_files
from robocell_agents.seeds import FIRST_SEED, episode_seeds
from robocell_agents.studies.analysis import analyse
from robocell_agents.studies.config import SHIFT, Case, Study, load_study
from robocell_agents.studies.journal import Journal
from robocell_agents.studies.report import STUDY, study_files, study_json
from robocell_agents.workers import worker_pool
from robocell_controller.errors import InputError
from robocell_controller.files import write_text
from robocell_controller.path.programs import load_program_config
from robocell_controller.progress import progress_bar

JOURNAL = "study.journal"
_CHUNK, _SHIFT_CHUNK = 20, 2  # episodes that are finished or played again after a kill
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some episodes of one entry under one case; ``name`` says which."""

    entry: str
    case: str
    seeds: list[int]

    @property
    def name(self) -> str:
        """What the journal knows it by."""
        return f"{self.case} | {self.entry} | {self.seeds[0]}+{len(self.seeds)}"


def study(name_or_path: str | Path, workers: int) -> tuple[Document, Path]:
    """Plays what the study's journal lacks, then writes results, tables and plots into its folder.

    Args:
        name_or_path: name of a default study, or a file.
        workers: processes; the results do not depend on it.

    Returns:
        The document that is written to ``study.json``, and the folder.

    Raises:
        InputError: bad study or contestant, or a journal of another study or of other code.
    """
    if workers < 1:
        raise InputError("workers", str(workers), "at least 1")
    what = load_study(name_or_path)
    for case in what.cases.values():
        for reference in what.entries.values():
            announced_actor(reference, case.base)  # what there is to say of it is said here, not in a worker
    chunks = list(_chunks(what))
    journal = Journal(what.out / JOURNAL, _problem(what))
    _play(what, chunks, journal, workers)
    document = {
        "study": what.name,
        **provenance.record(workers=workers, worker_s=round(journal.worker_s(), 1)),
        "seeds": {"range": what.config.seeds, "first": FIRST_SEED[what.config.seeds]},
        **analyse(what, lambda case, entry: _rows(chunks, journal, case, entry)),
    }
    write_text(what.out / STUDY, study_json(document))
    for path, text in study_files(what.out).items():
        write_text(path, text)
    return document, what.out


def _chunks(what: Study) -> Iterator[Chunk]:
    """All there is to play, case by case, so that a worker seldom builds another cell."""
    for name, case in what.cases.items():
        size = _SHIFT_CHUNK if case.kind == SHIFT else _CHUNK
        seeds = episode_seeds(what.config.seeds, case.episodes)
        for entry in what.entries:
            for start in range(0, len(seeds), size):
                yield Chunk(entry, name, seeds[start : start + size])


def _problem(what: Study) -> Document:
    """What the study is about: only chunks with all of this in common belong together."""
    return {
        **what.config.model_dump(exclude={"out"}),
        "chunks": {"cycles": _CHUNK, "shifts": _SHIFT_CHUNK},
        "sha256": {
            "cells": {name: _digest(case.base, case.cell) for name, case in what.cases.items()},
            "contestants": {entry: fingerprint(reference) for entry, reference in what.entries.items()},
        },
    }


def fingerprint(reference: str) -> str:
    """Changes with a program's numbers, a run's policy, a bundle's contents or a policy's files."""
    if reference.startswith(PREFIX):
        return _digest(load_program_config(reference.removeprefix(PREFIX)))
    if saved := saved_files(reference):
        return hashlib.sha256(b"".join(path.read_bytes() for path in saved.all)).hexdigest()
    files = (Path(reference) / name for name in ("manifest.json", "policy.zip"))
    return hashlib.sha256(next(file for file in files if file.is_file()).read_bytes()).hexdigest()


def _digest(*configs: Any) -> str:
    text = json.dumps([config.model_dump() for config in configs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _play(what: Study, chunks: list[Chunk], journal: Journal, workers: int) -> None:
    """Plays what is missing behind a progress bar; a chunk is in the journal as soon as it is finished."""
    known = [chunk for chunk in chunks if chunk.name in journal]
    missing = [chunk for chunk in chunks if chunk.name not in journal]
    with worker_pool(workers) as pool, progress_bar() as progress:
        _check_same_code(what, known, journal, pool)
        bar = progress.add_task(f"study {what.name}", total=_episodes(chunks), completed=_episodes(known))
        jobs = {pool.submit(_timed, *_job(what, chunk)): chunk for chunk in missing}
        for job in as_completed(jobs):
            journal.add(jobs[job].name, *job.result())
            progress.advance(bar, len(jobs[job].seeds))


def _check_same_code(what: Study, known: list[Chunk], journal: Journal, pool: Executor) -> None:
    """Plays a finished chunk of each entry again: what comes of it may have changed with the code."""
    first = {chunk.entry: chunk for chunk in reversed(known)}
    jobs = {pool.submit(_timed, *_job(what, chunk)): chunk for chunk in first.values()}
    for job, chunk in jobs.items():
        if job.result()[0] != journal.rows(chunk.name):
            expected = "the code that the study was begun with, or another folder for it"
            raise InputError(f"{journal.path}: {chunk.name}", "other outcomes now", expected)


def _episodes(chunks: list[Chunk]) -> int:
    return sum(len(chunk.seeds) for chunk in chunks)


def _job(what: Study, chunk: Chunk) -> tuple[str, Case, Chunk]:
    return what.entries[chunk.entry], what.cases[chunk.case], chunk


def _timed(reference: str, case: Case, chunk: Chunk) -> tuple[list[Row], float]:
    """A worker's job: the rows of a chunk, and how long it took, s."""
    start = time.monotonic()
    texts = case.base.model_dump_json(), chunk.case, case.cell.model_dump_json()
    return play_chunk(reference, *texts, chunk.seeds), time.monotonic() - start


def _rows(chunks: list[Chunk], journal: Journal, case: str, entry: str) -> list[Row]:
    """All rows of an entry under a case, in the order of the seeds."""
    mine = [chunk for chunk in chunks if (chunk.case, chunk.entry) == (case, entry)]
    return [row for chunk in mine for row in journal.rows(chunk.name)]
