"""The machine as a plant sees it: PackML's states and commands, and the KPIs of ISO 22400 from its event log.

Uses the words of the package alone.
Used by the loop.
"""
