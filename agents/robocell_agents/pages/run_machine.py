"""Parts of a run's page: the machine's states and KPIs, and who acted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robocell_agents.pages import report_page as html
from robocell_controller.cell.config import CellConfig
from robocell_controller.loop.log_reader import Log
from robocell_controller.loop.production import kpis_of
from robocell_controller.machine.packml import Cause

_NAMES = {
    "oee": "OEE, availability × effectiveness × quality",
    "availability": "availability, time in Execute of planned busy time",
    "effectiveness": "effectiveness, planned run time of the parts of time in Execute",
    "quality": "quality ratio, good parts of all",
}
_WHO = "Changes between policy, filtered policy and guided program, in the order in which they came."
_SENTENCES = {cause.code: cause.sentence for cause in Cause}


def machine_sections(log: Log) -> Iterator[str]:
    """KPIs and states, if the log has any, and the changes of who acted."""
    planned = log.about.get("cell", {}).get("planned_run_time_s", CellConfig.model_fields["planned_run_time_s"].default)
    if kpis := kpis_of(log.events, planned):
        note = f"In the terms of ISO 22400, on the cell's clock, with {planned:.1f} s planned for a part."
        yield html.section("Production", note, html.pairs(list(_kpis(kpis))) + _states(log, kpis["state_s"]))
    if changes := [event for event in log.events if event["event"] == "change"]:
        yield html.section("Who acted", _WHO, _changes(changes))


def _kpis(kpis: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in _NAMES.items():
        yield name, "-" if kpis[key] is None else f"{100 * kpis[key]:.1f} %"
    rate, energy = kpis["parts_per_hour"], kpis["energy_per_good_part_j"]
    yield "good parts per hour of planned busy time", "-" if rate is None else f"{rate:.0f}"
    yield "work of the joints per good part", "-" if energy is None else f"{energy:.1f} J"


def _states(log: Log, state_s: dict[str, float]) -> str:
    entered = [event["state"].lower() for event in log.events if event["event"] == "state"]
    causes = {event["state"].lower(): event for event in log.events if event["event"] == "state" and "code" in event}
    rows = []
    for state in dict.fromkeys(entered):
        why = f"{causes[state]['code']}: {_SENTENCES[causes[state]['code']]}" if state in causes else ""
        rows.append([state, str(entered.count(state)), f"{state_s.get(state, 0.0):.2f} s", why])
    return html.table(["state", "entered", "time", "last cause"], rows)


def _changes(changes: list[dict[str, Any]]) -> str:
    rows = [[str(event["tick"]), event["before"], event["after"], event["reason"]] for event in changes]
    return html.table(["tick", "from", "to", "why"], rows, names=4)
