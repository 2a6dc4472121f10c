"""``robocell bench bundle`` and ``canary``: what trust costs, and how well the canary's test decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from robocell_agents import provenance
from robocell_controller.bundle.bundle import load_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.trust.anchors import load_anchors
from robocell_controller.trust.keys import announce

ASKED_MS = {"verify": 50.0, "golden": 2000.0}


def bench_bundle(bundle: Path, rounds: int) -> dict[str, Any]:
    """Median and greatest time (ms) of each check over ``rounds`` loads, and of all but the golden pairs."""
    cell, anchors = load(CellConfig, "cells", "pick_place"), load_anchors()
    announce(bundle, load_bundle(bundle, cell, anchors).key)
    loads = [load_bundle(bundle, cell, anchors).timings_ms for _ in range(rounds)]
    verify = [sum(took for check, took in each.items() if check != "golden") for each in loads]
    columns = {check: [each[check] for each in loads] for check in loads[0]} | {"verify": verify}
    return {
        **provenance.record(),
        "bundle": provenance.portable(str(bundle)),
        "rounds": rounds,
        "ms": {name: {"median": float(np.median(took)), "max": max(took)} for name, took in columns.items()},
        "asked_ms": ASKED_MS,
    }


def bundle_table(document: dict[str, Any]) -> Table:
    """For people."""
    table = Table("check", "median", "greatest", "asked", title=f"{document['bundle']}, {document['rounds']} loads")
    for name, took in document["ms"].items():
        asked = document["asked_ms"].get(name)
        table.add_row(name, f"{took['median']:.2f} ms", f"{took['max']:.2f} ms", f"≤ {asked:.0f} ms" if asked else "")
    return table


def canary_table(document: dict[str, Any]) -> Table:
    """For people."""
    table = Table("candidate", "accepted", "rejected", "undecided", "cycles, median / p95", title="canary, simulated")
    for name, case in document["cases"].items():
        counts, cycles = case["verdicts"], case["cycles"]
        shares = [f"{100 * counts[each] / case['rejected']['n']:.1f} %" for each in ("accept", "reject", "undecided")]
        table.add_row(name, *shares, f"{cycles['median']:.0f} / {cycles['p95']:.0f}")
    return table
