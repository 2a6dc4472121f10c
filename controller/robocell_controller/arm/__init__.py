"""One arm: its model, its limits, the setpoints it is sent, and the safety kernel that keeps them inside its limits.

Uses the words of the package alone.
Used by the path, the guard and the cell; by the simulated plant and the bounds of the benchmarks.
"""
