"""A run in real time: plant, guardian, loop and logger as processes around shared memory.

Uses loop and roll-out.
Used by the command ``run`` and by the benchmarks that load, halt and kill its processes.
"""
