"""A policy's life on a cell: kept in a store, watched in the shadow, tried as a canary, promoted, rolled back.

Uses bundle and trust for what it lets in, the loop's periods for what it supervises.
Used by the processes and the commands.
"""
