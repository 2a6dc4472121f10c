"""A run's policy, or one from elsewhere, as a signed bundle with its card, replayed before it is written.

Uses acting; the controller's bundle and trust.
Used by the commands export and demo.
"""
