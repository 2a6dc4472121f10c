from __future__ import annotations

import pytest
from hostile_bundles import CHECKS, Check, fuzz, shooting_range


@pytest.mark.parametrize("check", CHECKS)
def test_mutated_bundles_are_refused(check: Check) -> None:
    """A few of them; `make fuzz-bundle` loads a hundred thousand."""
    with shooting_range() as shooting:
        fuzz(check, shooting, examples=150, start=1)
        tally = shooting.tally.as_json()
    assert tally["loads"] >= 150
    assert len(tally["refused"]) > 3
