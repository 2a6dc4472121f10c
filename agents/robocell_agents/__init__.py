"""Demonstrations, training, evaluation, export and reports."""
