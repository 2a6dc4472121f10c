from __future__ import annotations

import json

import pytest
from rich.console import Console

from robocell_agents.evaluation.compare import compare, table
from robocell_controller.errors import InputError


def _document(policy, rows):
    """An evaluation whose rows are (condition, success, time)."""
    return {
        "policy": policy,
        "suite": {"name": "two", "sha256": "a"},
        "seeds": {"range": "test", "first": 0, "n": len(rows)},
        "success": {},
        "cycle_time_s": {},
        "parts_per_hour": 0.0,
        "failures": {},
        "episodes": [
            {"condition": condition, "seed": seed, "success": success, "time_s": time}
            for seed, (condition, success, time) in enumerate(rows)
        ],
    }


@pytest.fixture
def files(tmp_path):
    def write(first, second):
        paths = tmp_path / "a.json", tmp_path / "b.json"
        for path, document in zip(paths, (first, second), strict=True):
            path.write_text(json.dumps(document))
        return paths

    return write


FAST = _document("fast", [("one", True, 1.0), ("one", True, 2.0), ("one", True, 3.0), ("two", False, 5.0)])
SLOW = _document("slow", [("one", True, 2.0), ("one", False, 5.0), ("one", True, 4.0), ("two", False, 5.0)])


def test_pairs_are_counted_by_condition(files):
    result = compare(*files(FAST, SLOW))
    one = result["conditions"]["one"]
    assert (one["n"], one["only_first"], one["only_second"]) == (3, 1, 0)
    assert one["success"] == pytest.approx([1.0, 2 / 3])
    assert one["difference"]["value"] == pytest.approx(1 / 3)
    assert one["difference"]["low"] < 1 / 3 < one["difference"]["high"]
    assert one["p_value"] == 1.0
    assert result["all"]["n"] == 4
    assert (result["first"], result["second"]) == ("fast", "slow")


def test_ratios_of_times_and_pace(files):
    one = compare(*files(FAST, SLOW))["conditions"]["one"]
    assert one["cycle_time_ratio_paired"] == pytest.approx((1 / 2 + 3 / 4) / 2)  # where both succeeded
    assert one["cycle_time_ratio"] == pytest.approx(2.0 / 3.0)
    assert one["parts_per_hour_ratio"] == pytest.approx((3 / 6) / (2 / 11))


def test_rows_are_paired_by_seed_not_by_place(files):
    turned = {**SLOW, "episodes": SLOW["episodes"][::-1]}
    assert compare(*files(FAST, turned))["all"] == compare(*files(FAST, SLOW))["all"]


def test_no_success_leaves_no_ratio(files):
    two = compare(*files(FAST, SLOW))["conditions"]["two"]
    assert two["cycle_time_ratio"] is two["cycle_time_ratio_paired"] is two["parts_per_hour_ratio"] is None


def test_table_shows_every_condition(files):
    console = Console(width=140)
    with console.capture() as capture:
        console.print(table(compare(*files(FAST, SLOW))))
    assert all(text in capture.get() for text in ("fast against slow", "one", "two", "all", "0.625×"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": {"range": "test", "first": 9, "n": 4}}, r"b\.json: seeds\.first: 9; expected 0"),
        ({"suite": {"name": "two", "sha256": "b"}}, r"b\.json: suite\.sha256"),
        ({"episodes": SLOW["episodes"][:3]}, "episodes"),
        ({"episodes": []}, "no rows"),
    ],
)
def test_evaluations_that_cannot_be_paired_are_refused(files, change, message):
    with pytest.raises(InputError, match=message):
        compare(*files(FAST, {**SLOW, **change}))


def test_other_files_are_refused(files, tmp_path):
    first, second = files(FAST, {"policy": "slow"})
    with pytest.raises(InputError, match="no key"):
        compare(first, second)
    second.write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        compare(first, second)
    with pytest.raises(InputError, match=r"missing\.json"):
        compare(first, tmp_path / "missing.json")


@pytest.mark.parametrize(
    "wrong", [{"success": float("nan")}, {"time_s": "1.0"}, {"time_s": float("inf")}, {"seed": None}]
)
def test_a_row_of_another_kind_is_named(files, wrong):
    rows = [FAST["episodes"][0], {**FAST["episodes"][1], **wrong}, *FAST["episodes"][2:]]
    with pytest.raises(InputError, match=r"a\.json: episodes\.1: "):
        compare(*files({**FAST, "episodes": rows}, SLOW))
