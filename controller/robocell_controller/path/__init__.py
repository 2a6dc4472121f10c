"""The one path from sensors to setpoints, the same in training and on the line, and the programs that act on it.

Uses the arm.
Used by the environments in every step, and by the loop in every policy period.
"""
