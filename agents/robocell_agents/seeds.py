"""Seeds of episodes: disjoint ranges for training, tuning, validation and the test that is run once."""

from __future__ import annotations

from robocell_controller.errors import InputError

RANGE = 1_000_000  # seeds in each range; training draws from [0, RANGE)
SEEDS_PER_RUN = 10_000  # of training, for the demonstrations of one training seed
MAX_SEED = 2**31  # of a training: NumPy and torch take no more than 32 bits
FIRST_SEED = {"tuning": RANGE, "validation": 2 * RANGE, "test": 3 * RANGE}


def episode_seeds(name: str, n: int) -> list[int]:
    """The first ``n`` seeds of a named range.

    Raises:
        InputError: there is no such range, or it does not hold ``n`` seeds.
    """
    if name not in FIRST_SEED:
        raise InputError("seeds", repr(name), f"one of {', '.join(FIRST_SEED)}")
    if not 1 <= n <= RANGE:
        raise InputError("episodes", str(n), f"a number from 1 to {RANGE}")
    return list(range(FIRST_SEED[name], FIRST_SEED[name] + n))
