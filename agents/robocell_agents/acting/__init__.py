"""Who acts: programs, learners, run folders, policies from elsewhere; and how they see the cells that they learn in.

Uses suites for the changes that are trained under.
Used by evaluation, training and export.
"""
