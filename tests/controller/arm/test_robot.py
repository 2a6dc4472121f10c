from __future__ import annotations

import pytest

from robocell_controller.arm.robot import RobotConfig
from robocell_controller.config import load, merged, parse
from robocell_controller.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint_position_upper_rad": [-3.0] * 7}, r"joint_position_upper_rad: .* more than joint_position_lower_rad"),
        ({"gripper": {"force_max_n": 5.0}}, r"gripper\.force_max_n: 5\.0; expected .*no less than force_min_n"),
    ],
)
def test_limits_that_leave_no_room_are_named(changes: dict[str, object], message: str) -> None:
    content = load(RobotConfig, "robots", "panda").model_dump()
    with pytest.raises(InputError, match="odd.yaml: " + message):
        parse(RobotConfig, merged(content, changes), "odd.yaml")
