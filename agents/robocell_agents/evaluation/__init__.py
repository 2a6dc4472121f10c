"""Seeded episodes played and compared: evaluations, paired tests, jobs side by side, probes of what a policy knows.

Uses suites and acting.
Used by export's replays, tuning, pages, benchmarks and studies.
"""
