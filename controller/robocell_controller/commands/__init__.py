"""The command line of the cell's computer; other components add theirs through an entry point.

Uses every room.
Used by people and scripts.
"""
