"""``robocell study``: what kind of study a file holds shows by a key that only that kind has."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from robocell_agents.studies.adaptation import adaptation_study, is_adaptation_study
from robocell_agents.studies.adaptation_report import adaptation_table
from robocell_agents.studies.study import study
from robocell_agents.studies.tables import study_table
from robocell_agents.training_studies.config import is_training_study
from robocell_agents.training_studies.peers import peers_study
from robocell_agents.training_studies.peers_config import is_peers_study
from robocell_agents.training_studies.peers_report import peers_table
from robocell_agents.training_studies.report import training_study_tables
from robocell_agents.training_studies.study import training_study


def run_study(name_or_path: str, workers: int) -> tuple[list[Table], Path]:
    """Runs a study of contestants, trainings, adaptation or peers; returns tables for the terminal, and its folder."""
    if is_training_study(name_or_path):
        document, folder = training_study(name_or_path, workers)
        return training_study_tables(document), folder
    if is_adaptation_study(name_or_path):
        document, folder = adaptation_study(name_or_path, workers)
        return [adaptation_table(document)], folder
    if is_peers_study(name_or_path):
        document, folder = peers_study(name_or_path)
        return [peers_table(document)], folder
    document, folder = study(name_or_path, workers)
    return [study_table(document)], folder
