"""The simulated plant behind the controller's protocol: sensors, drives and clock around the world; checks of a cell.

Uses config, scene, engine and tasks.
Used by the environments, and by the controller through an entry point.
"""
