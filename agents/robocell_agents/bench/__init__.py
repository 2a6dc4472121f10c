"""Benchmarks, as ratios against a peer, a floor or a limit in the same run.

Uses evaluation; the controller's processes and the engine beneath the environments.
Used by the commands ``robocell bench`` and by results.
"""
