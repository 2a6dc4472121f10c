"""What an episode is for, as pure functions of the true state: measures, success, failure class, reward terms.

Uses scene and the engine's true state.
Used by the plant and the environments; a new task is one file here.
"""
