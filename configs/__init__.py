"""Default configs, read with `importlib.resources.files("robocell_configs")`."""
