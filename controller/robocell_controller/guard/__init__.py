"""The last look at every tick before the drives, and who may act: policy, filtered policy, program, way home or stop.

Uses the arm.
Used by the cell's config, the loop and what a roll-out supervises.
"""
