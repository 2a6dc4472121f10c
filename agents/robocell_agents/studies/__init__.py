"""Studies of policies: contestants under every change and in shifts, and what a policy knows and does within one part.

Uses suites, evaluation and pages.
Used by training studies, results and the command study.
"""
