"""Tasks: what counts as done and what is rewarded; one file a task."""
