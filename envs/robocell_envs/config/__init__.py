"""What a simulated cell's config says beyond the controller's: physics, sensors, faults, and the ranges drawn from.

Uses the controller alone.
Used by every room of this package.
"""
