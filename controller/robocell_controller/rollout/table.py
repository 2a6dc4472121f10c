"""The rows that signature, shadow and canary add to the figures of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robocell_controller.summary import RunSummary
from robocell_controller.trust.keys import warning


def rollout_rows(summary: RunSummary) -> Iterator[tuple[str, str]]:
    """Name and value of each row."""
    if key := summary.signed_by:
        yield "policy signed by", signer(key)
    told = summary.rollout or {}
    if told.get("mode") == "shadow":
        yield from _shadow(told)
    if told.get("mode") == "canary":
        yield from _canary(told)


def signer(key: dict[str, str]) -> str:
    """The key, and what has to be said of a development key."""
    return f"{key['name']} ({key['id']}){warning(key['kind'])}"


def _shadow(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "in the shadow", f"{told['candidate']}, {told['decisions']} decisions"
    for name, values in told["action_divergence"].items():
        yield f"  {name} differs, mean / p95 / max", " / ".join(f"{value:.3f}" for value in values.values())
    count = sum(told["would_be_interventions"].values())
    yield "  would-be interventions", str(count)
    yield "  outside its training envelope", f"{100 * told['out_of_envelope_rate']:.1f} %"
    numbers = " / ".join(f"{value:.0f}" for value in told["latency_us"].values())
    yield "  latency, p50 / p99 / p99.9 / max", f"{numbers} µs"


def _canary(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "canary", told["verdict"]
    for name in ("active", "candidate"):
        arm = told[name]
        if success := arm["success"]:
            rate = f"{100 * success['rate']:.1f} % of {success['n']}"
            times = arm["cycle_time_s"]
            pace = f"median cycle {times['median']:.2f} s" if times else "no good cycle"
            yield f"  {name} {arm['bundle'][:12]}", f"{rate}, {pace}"
