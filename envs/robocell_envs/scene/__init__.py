"""What stands and lies in the cell in one episode: parts, jobs of a recipe, fixtures, drawn from the config by seed.

Uses config.
Used by the engine, which builds it, and by tasks and plant; touches no engine itself.
"""
