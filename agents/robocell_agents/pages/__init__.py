"""What people look at: tables, figures, films, and the reports of trainings and of controller runs.

Uses acting and evaluation.
Used by studies, results and the commands.
"""
