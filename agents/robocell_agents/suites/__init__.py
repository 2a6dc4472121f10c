"""The conditions that policies are played under: suites, and production changes within and beyond training.

Uses the package's helpers.
Used by evaluation, training and studies.
"""
