"""The published tables and plots, made again from ``results/*.json``, and the check that they are up to date.

Uses pages, benchmarks and both kinds of studies.
Used by the command results.
"""
