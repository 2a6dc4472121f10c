"""Demonstrations, training, evaluation, studies, export and the command line.

Lowest first: the helpers in this folder, then suites, acting, evaluation, training, export, tuning, pages, bench,
studies, training_studies, results, commands. A room imports rooms before it, never one behind it; a test holds that.
"""
