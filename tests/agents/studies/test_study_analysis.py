"""What a study says of made-up episodes, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from robocell_agents.statistics import mcnemar
from robocell_agents.studies.analysis import analyse
from robocell_agents.studies.config import load_study
from robocell_agents.studies.shift_pace import pace_around, pace_over_time

N = 10
SECONDS = {"quick": 1.0, "guided": 2.0, "rigid": 2.0, "oracle": 2.0, "seed 1": 2.0, "seed 2": 2.0}


def _rows(good: int, time_s: float) -> list[dict[str, object]]:
    return [
        {"seed": seed, "success": seed < good, "time_s": time_s, "drops": 0, "placement_error_m": 0.001}
        | {"energy_j": 10.0, "peak_force_n": 30.0, "failure": None if seed < good else "dropped"}
        for seed in range(N)
    ]


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "made_up.yaml"
    content = {
        "contestants": {
            "quick": ["a run"],
            "guided": ["program:guided"],
            "rigid": ["program:rigid"],
            "oracle": ["program:oracle"],
            "seed": ["program:guided", "program:guided"],
        },
        "suites": ["nominal"],
        "changes": ["heavier", "lighter"],
        "episodes": {"suites": N, "changes": N},
        "seeds": "test",
        "out": "nowhere",
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_study(path)


def _goods(case: str, entry: str) -> int:
    """Successes: rigid places nothing, the oracle fails once under heavier/beyond, guided misses some of it."""
    if entry == "rigid":
        return 0
    if case == "heavier/beyond":
        return {"oracle": 9, "guided": 2, "quick": 10}.get(entry, 5)
    return 5 if entry == "seed 2" else 10


@pytest.fixture
def document(study):
    return analyse(study, lambda case, entry: _rows(_goods(case, entry), SECONDS[entry]))


def test_a_condition_is_feasible_where_the_oracle_masters_it(document):
    feasible = {name: condition["feasible"] for name, condition in document["conditions"].items()}
    assert [name for name, known in feasible.items() if not known] == ["heavier/beyond"]


def test_differences_to_guided_are_adjusted_for_all_changes(document):
    tests = {
        name: condition["entries"]["quick"]["against_reference"] for name, condition in document["conditions"].items()
    }
    assert tests["heavier/beyond"]["p_value"] == mcnemar(8, 0)
    assert tests["heavier/beyond"]["p_holm"] == pytest.approx(4 * mcnemar(8, 0))
    assert tests["lighter/within"]["p_holm"] == 1.0 and "p_holm" not in tests["nominal"]
    assert "against_reference" not in document["conditions"]["nominal"]["entries"]["guided"]


def test_mean_ratios_of_pace(document):
    quick = document["pace"]["quick"]
    assert quick["guided"]["within"] == pytest.approx(2.0)
    assert quick["guided"]["beyond"] == pytest.approx((2.0 * 2.0 * 5.0) ** 0.5)  # 10 of 1 s against 2 of 2 s each
    assert quick["guided"]["all"] == pytest.approx((2.0**3 * 10.0) ** 0.25)
    assert quick["guided"]["feasible"] == pytest.approx(2.0)
    assert quick["rigid"]["all"] == pytest.approx(20.0)  # as if it had placed one of ten
    assert document["pace"]["rigid"]["guided"]["all"] == pytest.approx((0.1**3 * 0.5) ** 0.25)
    assert "guided" not in document["pace"]["guided"]


def test_recipes_are_judged_across_their_seeds(document):
    seed = document["recipes"]["seed"]
    assert document["recipes"].keys() == {"seed"}
    assert seed["over"]["nominal"]["success"] == pytest.approx({"iqm": 0.75, "low": 0.5, "high": 1.0})
    assert seed["conditions"]["heavier/beyond"]["success"] == pytest.approx({"iqm": 0.5, "low": 0.5, "high": 0.5})


SHIFTS = [{"length_s": 20.0, "good_s": [2.0, 4.0, 6.0, 8.0, 15.0]}, {"length_s": 18.0, "good_s": [5.0, 10.0]}]


def test_pace_before_and_after_a_change():
    before, after = pace_around(SHIFTS, 10.0)
    assert before == pytest.approx(3600.0 * 6 / 20.0) and after == pytest.approx(3600.0 * 1 / 18.0)
    assert pace_around(SHIFTS, 30.0)[1] == 0.0


def test_pace_over_time_counts_what_the_window_holds():
    times, mean, half = pace_over_time(SHIFTS, 5.0)
    at = {float(time): pace / 720.0 for time, pace in zip(times, mean, strict=True)}  # parts in five seconds
    assert times[0] == 5.0 and 18.0 <= times[-1] <= 18.5
    assert (at[5.0], at[10.0], at[13.0], at[15.0]) == (1.5, 1.5, 0.5, 0.5)
    assert half[0] == pytest.approx(720.0 * 1.96 * np.std([2, 1], ddof=1) / 2**0.5)
