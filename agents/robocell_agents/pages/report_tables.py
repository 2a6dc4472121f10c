"""Tables of the report, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from robocell_agents.evaluation.compare import summarise
from robocell_agents.evaluation.evaluate import metrics
from robocell_agents.pages import report_page as html
from robocell_agents.pages.figures import Series
from robocell_controller.rollout.table import signer

Document = dict[str, Any]
_NONE = "–"


def percent(share: float) -> str:
    """A share as per cent with one decimal; never 100 for what is not all."""
    return f"{min(100 * share, 99.9):.1f} %" if share < 1.0 else "100 %"


def number(value: float | None, unit: str = "", scale: float = 1.0) -> str:
    """A value with two decimals, or a dash where there is none."""
    return _NONE if value is None else f"{value * scale:.2f} {unit}".rstrip()


def times(ratio: float | None) -> str:
    """A ratio."""
    return _NONE if ratio is None else f"{ratio:.2f} ×"


def paired(first: Series, second: Series, condition: str) -> Document | None:
    """Comparison on the seeds that both have played under a condition; None without any."""
    others = {row["seed"]: row for row in second.rows.get(condition, [])}
    shared = [(row, others[row["seed"]]) for row in first.rows.get(condition, []) if row["seed"] in others]
    return summarise(shared) if shared else None


def numbers(series: Sequence[Series], conditions: Sequence[str]) -> str:
    """All metrics of all policies under all conditions."""
    headings = ["", "", "episodes", "success", "95 % interval", "cycle, s", "p95, s", "parts / h", "drops"]
    headings += ["error, mm", "energy, J"]
    rows = []
    for condition in conditions:
        played = [one for one in series if one.rows.get(condition)]
        for one in played:
            subject = _spaced(condition) if one is played[0] else ""
            rows.append((subject, one.name.removesuffix(" program"), *_metric_cells(one.rows[condition])))
    return html.table(headings, rows, names=2)


def comparison(series: Sequence[Series], conditions: Sequence[str]) -> str:
    """The first policy against the second, paired, under each condition."""
    headings = ("", "pairs", "only it", "only other", "difference", "95 % interval", "McNemar p", "cycle time")
    found = [(name, paired(series[0], series[1], name)) for name in conditions]
    rows = [(_spaced(name), *_pair_cells(row)) for name, row in found if row]
    return html.table((*headings, "parts / h"), rows)


def controller(summary: Document) -> str:
    """Figures of a controller run, latencies in a table of their own."""
    shown = html.pairs(list(_controller_rows(summary)))
    latency = summary.get("latency_us") or {}
    rows = [(name, *(f"{value:.0f}" for value in values.values())) for name, values in latency.items()]
    if not rows:
        return shown
    quantiles = next(iter(latency.values()))
    return shown + html.table(("latency, µs", *(name.replace("_", ".") for name in quantiles)), rows)


def provenance(document: Document) -> Iterator[tuple[str, str]]:
    """What an evaluation was made with."""
    hardware, git, seeds = document["hardware"], document["git"], document["seeds"]
    commit = git["commit"] or "not in a checkout"
    yield "Policy", document["policy"]
    yield "Suite", f"{document['suite']['name']} on cell {document['suite']['cell']}"
    yield "Seeds", f"{seeds['range']}: {seeds['n']} from {seeds['first']} on"
    yield "Code", commit + (", with uncommitted changes" if git["dirty"] else "")
    yield "Hardware", f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['system']}"
    yield "Evaluated in", f"{hardware['wall_s']:.0f} s by {hardware['workers']} workers"
    yield "Versions", ", ".join(f"{name} {version}" for name, version in document["versions"].items())


def _metric_cells(rows: list[Document]) -> list[str]:
    now = metrics(rows)
    success, cycle, errors = now["success"], now["cycle_time_s"], now["placement_error_m"]
    energy = now["energy_j_per_part"]
    return [
        str(success["n"]),
        percent(success["rate"]),
        f"{100 * success['low']:.1f} to {100 * success['high']:.1f}",
        number(cycle["median"]),
        number(cycle["p95"]),
        f"{now['parts_per_hour']:.0f}",
        str(now["drops"]),
        number(errors["median"], scale=1e3),
        _NONE if energy is None else f"{energy:.0f}",
    ]


def _pair_cells(row: Document) -> list[str]:
    difference = row["difference"]
    return [
        str(row["n"]),
        str(row["only_first"]),
        str(row["only_second"]),
        _points(difference["value"]),
        f"{_points(difference['low'])} to {_points(difference['high'])}",
        f"{row['p_value']:.2g}",
        times(row["cycle_time_ratio_paired"]),
        times(row["parts_per_hour_ratio"]),
    ]


def _controller_rows(summary: Document) -> Iterator[tuple[str, str]]:
    if key := summary.get("signed_by"):
        yield "Policy signed by", signer(key)
    yield "Parts placed", f"{summary['placed']} of {summary['parts']}"
    if success := summary.get("success"):
        yield "Success", f"{percent(success['rate'])} ({percent(success['low'])} to {percent(success['high'])})"
    if cycle := summary.get("cycle_time_s"):
        yield "Cycle time", f"median {number(cycle['median'], 's')}, p95 {number(cycle['p95'], 's')}"
    yield "Parts per hour", f"{summary['parts_per_hour']:.0f}"
    yield "Cell time, wall time", f"{summary['time_s']:.1f} s, {summary['wall_s']:.1f} s"
    yield "Overruns", str(summary["overruns"])
    yield "Failures", _counts(summary["failures"])
    yield "Safety interventions", _counts(summary["interventions"])


def _points(difference: float) -> str:
    """A difference of shares in percentage points, with a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} × {_spaced(name)}" for name, count in counts.items()) or "none"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
