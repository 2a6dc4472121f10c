from __future__ import annotations

import time

from robocell_agents.bench.stalls import stalls_watched, watch
from robocell_controller.rights import cores


def test_a_watch_looks_each_millisecond_until_it_is_ended() -> None:
    ended: list[int] = []
    begin = time.monotonic()

    class Soon(list[int]):
        def __bool__(self) -> bool:
            return time.monotonic() - begin > 0.2

    seen = watch(0, Soon(ended))
    assert seen["core"] == 0
    assert 20 <= seen["looks"] <= 201
    assert 0 <= seen["stalls"] <= seen["looks"]
    assert seen["longest_us"] > 0


def test_where_priority_is_granted_each_core_is_watched() -> None:
    with stalls_watched() as stalls:
        time.sleep(1.5)
    assert [each["core"] for each in stalls] in ([], cores())
    assert all(each["looks"] > 0 for each in stalls)
