"""The search for a program's numbers on tuning seeds.

Uses evaluation.
Used by the command tune.
"""
