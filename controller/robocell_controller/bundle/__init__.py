"""A policy as files that can be checked, and as something that acts once they have been.

Uses trust for the checks, the cell for the contract.
Used by roll-out and the commands; by export, which writes bundles, and by evaluation.
"""
