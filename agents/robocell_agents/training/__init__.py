"""From demonstrations to a policy: cloning, DAgger, reinforcement, validation, and which finalist is kept.

Uses acting.
Used by the commands train and demo, and by studies of trainings.
"""
