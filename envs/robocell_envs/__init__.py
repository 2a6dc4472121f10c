"""The robot cell in PyBullet: world, sensors, tasks and Gymnasium environments."""

import gymnasium


def register_envs() -> None:
    """Registers the environments; importing this package has done so already."""
    if "RobotCell/PickPlace-v0" not in gymnasium.registry:
        gymnasium.register("RobotCell/PickPlace-v0", "robocell_envs.cell_env:PickPlaceEnv")
        gymnasium.register("RobotCell/ConveyorPick-v0", "robocell_envs.cell_env:ConveyorPickEnv")
        gymnasium.register("RobotCell/Kitting-v0", "robocell_envs.production_env:KittingEnv")
        gymnasium.register("RobotCell/Sort-v0", "robocell_envs.production_env:SortEnv")
        gymnasium.register("RobotCell/Shift-v0", "robocell_envs.production_env:ShiftEnv")
        gymnasium.register("RobotCell/PickPlaceGoal-v0", "robocell_envs.goal_env:PickPlaceGoalEnv")


register_envs()
