"""Whom a file comes from and what it must show before anything in it is believed: keys, signatures, file checks.

Uses the words of the package alone.
Used by bundle and roll-out; by export, which signs.
"""
