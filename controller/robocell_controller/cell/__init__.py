"""What a cell is: its config, the recipe of what goes where, and the plant that it drives.

Uses arm, path and guard, whose configs it joins.
Used by everything that is set up for a cell, from the environments to the bundle's checks.
"""
