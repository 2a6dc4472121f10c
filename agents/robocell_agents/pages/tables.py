"""Results as tables for people."""

from __future__ import annotations

from typing import Any

from rich.table import Table

COLUMNS = ("success", "95 % interval", "median cycle", "p95", "parts/h", "drops", "error, median", "J/part", "failures")

LIMIT_COLUMNS = ("median cycle", "p95", "times the limit, median", "p95")
_FINALS = ("cost", "success", "mean cycle", "impact, p95")


def evaluation_table(document: dict[str, Any]) -> Table:
    """An evaluation: one row for each condition, and one over all where there are several."""
    table = _table(f"{document['policy']} on suite {document['suite']['name']}", "condition", COLUMNS)
    conditions = document.get("conditions", {})
    for name, metrics in {**conditions, "all" if conditions else "nominal": document}.items():
        table.add_row(name, *metric_cells(metrics))
    return table


def comparison_of_policies(title: str, documents: list[dict[str, Any]]) -> Table:
    """Several policies, one row each, by the figures over all their episodes."""
    table = _table(title, "policy", COLUMNS)
    for document in documents:
        table.add_row(document["policy"], *metric_cells(document))
    return table


def metric_cells(metrics: dict[str, Any]) -> list[str]:
    """The metrics of a set of episodes, as texts in the order of the table's columns."""
    success, cycle, error = metrics["success"], metrics["cycle_time_s"], metrics["placement_error_m"]
    return [
        f"{100 * success['rate']:.1f} %",
        f"{100 * success['low']:.1f}-{100 * success['high']:.1f} % (n={success['n']})",
        _number(cycle["median"], 1.0, "s", 2),
        _number(cycle["p95"], 1.0, "s", 2),
        f"{metrics['parts_per_hour']:.0f}",
        str(metrics["drops"]),
        _number(error["median"], 1000.0, "mm", 1),
        _number(metrics["energy_j_per_part"], 1.0, "J", 0),
        ", ".join(f"{count} {name}" for name, count in metrics["failures"].items()) or "none",
    ]


def tuning_table(document: dict[str, Any]) -> Table:
    """The finalists of a search, the winner first."""
    table = _table(f"{document['program']}: the best trials on other seeds", "trial", _FINALS)
    for row in sorted(document["finalists"], key=lambda row: float(row["cost_s"])):
        table.add_row(
            f"{row['trial']}{' (before)' if row['trial'] == 0 else ''}",
            _number(row["cost_s"], 1.0, "s", 3),
            f"{100 * row['success']:.1f} % (n={row['episodes']})",
            _number(row["cycle_time_s"], 1.0, "s", 3),
            _number(row["impact_n"]["p95"], 1.0, "N", 1),
        )
    return table


def bench_tables(document: dict[str, Any]) -> list[Table]:
    """Speeds side by side, what each of our cells takes of the machine, and what more parts in it cost."""
    tables = []
    parts = ("parts in the cell", parts_rows(document))
    for title, rows in (("speed", speed_rows(document)), ("resources", resource_rows(document)), parts):
        tables.append(_table(f"robocell bench env: {title}", rows[0][0], tuple(rows[0][1:])))
        for row in rows[1:]:
            tables[-1].add_row(*row)
    return tables


def speed_rows(document: dict[str, Any]) -> list[list[str]]:
    """Header, then one row for each contestant; against what it is not compared with stands a dash."""
    contestants = document["contestants"]
    cells = list(dict.fromkeys(cell for row in contestants.values() for cell in row["ours_against_it"]))
    header = ["", "simulated s per CPU s", "steps per CPU s", *(f"{_short(cell)} against it" for cell in cells)]
    return [header] + [
        [
            name,
            f"{row['simulated_s_per_cpu_s']:.1f}",
            f"{row['steps_per_cpu_s']:.0f}",
            *(_number(row["ours_against_it"].get(cell), 1.0, "×", 2).replace(" ", "") for cell in cells),
        ]
        for name, row in contestants.items()
    ]


def resource_rows(document: dict[str, Any]) -> list[list[str]]:
    """Header, then one row for each of our cells."""
    header = ["", "steps per s, one process", "two processes", "ratio", "memory per environment", "growth over resets"]
    return [header] + [
        [
            name,
            f"{row['steps_per_s_one_process']:.0f}",
            f"{row['steps_per_s_two_processes']:.0f}",
            f"{row['two_processes_against_one']:.2f}×",
            f"{row['mib_per_env']:.1f} MiB",
            f"{row['growth_mib']:.1f} MiB in {row['resets']}",
        ]
        for name, row in document["resources"].items()
    ]


def parts_rows(document: dict[str, Any]) -> list[list[str]]:
    """Header, then a row for one part in the cell and one for many that rest."""
    row = document["parts_in_cell"]
    return [
        ["parts in the cell", "CPU time of a step", "against one part"],
        ["1", f"{row['step_us_one_part']:.0f} µs", "1.00×"],
        [f"{row['parts']}", f"{row['step_us']:.0f} µs", f"{row['against_one_part']:.2f}×"],
    ]


def limit_table(document: dict[str, Any]) -> Table:
    """Cycle times against the arm's limit."""
    table = _table("robocell bench limit", "", LIMIT_COLUMNS)
    for row in limit_rows(document):
        table.add_row(*row)
    return table


def limit_rows(document: dict[str, Any]) -> list[list[str]]:
    """The limit itself, then one row for each policy, as texts in the order of the table's columns."""
    limit = document["limit_s"]
    rows = [("the arm's limit", limit, {"median": 1.0, "p95": 1.0})]
    rows += [(policy["policy"], policy["cycle_time_s"], policy["over_limit"]) for policy in document["policies"]]
    return [
        [
            name,
            *(_number(cycle[key], 1.0, "s", 2) for key in ("median", "p95")),
            *("-" if over[key] is None else f"{over[key]:.2f}×" for key in ("median", "p95")),
        ]
        for name, cycle, over in rows
    ]


def markdown_table(rows: list[list[str]]) -> str:
    """Rows, the header first, as a Markdown table."""
    header, *lines = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *lines])


def rows_table(title: str, rows: list[list[str]]) -> Table:
    """Rows for the terminal, the header first; all but the first column are flush right."""
    header, *others = rows
    table = Table(title=title)
    for index, column in enumerate(header):
        table.add_column(column, justify="right" if index else "left")
    for row in others:
        table.add_row(*row)
    return table


def _table(title: str, first: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="left" if column == "failures" else "right")
    return table


def _short(cell: str) -> str:
    return cell.rpartition("/")[2]


def _number(value: float | None, scale: float, unit: str, digits: int) -> str:
    return "-" if value is None else f"{scale * value:.{digits}f} {unit}"
