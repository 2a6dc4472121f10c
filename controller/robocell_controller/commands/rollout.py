"""The commands of the store: ``robocell policy install|list|promote|rollback|history``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robocell_controller.options import JsonOption

if TYPE_CHECKING:
    from robocell_controller.cell.config import CellConfig
    from robocell_controller.rollout.log import Entry

CellOption = Annotated[str, typer.Option(help="Name or file of the cell that it is to drive.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    policy = typer.Typer(help="The store of policies: what is installed, what runs, and how it came to that.")
    policy.command("install")(install)
    policy.command("list")(list_)
    policy.command("promote")(promote)
    policy.command("rollback")(rollback)
    policy.command("history")(history)
    app.add_typer(policy, name="policy")


def install(
    bundle: Annotated[Path, typer.Argument(help="Folder made by robocell export.")],
    cell: CellOption = "pick_place",
    as_json: JsonOption = False,
) -> None:
    """Check a bundle and put it into the store."""
    from robocell_controller.rollout.store import Store

    entry = Store().install(bundle, _cell(cell))
    _tell(entry, f"{entry.name}: installed as {entry.bundle[:12]}", as_json)


def list_(as_json: JsonOption = False) -> None:
    """List what is installed, and which of it runs."""
    from rich.console import Console
    from rich.table import Table

    from robocell_controller.rollout.store import Store

    found = Store().installed()
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return
    table = Table("name", "bundle", "promoted", "signed with")
    for each in found:
        key = "a release key" if each.key_kind == "release" else "a DEVELOPMENT key"
        table.add_row(each.name, each.digest[:12], "yes" if each.promoted else "", key)
    Console().print(table)


def promote(
    bundle: Annotated[str, typer.Argument(help="Name, or the first digits of what list shows.")],
    cell: CellOption = "pick_place",
    as_json: JsonOption = False,
) -> None:
    """Make an installed bundle the one that robocell run store:NAME runs, from the next cycle on."""
    from robocell_controller.rollout.store import Store

    entry = Store().promote(bundle, _cell(cell))
    _tell(entry, f"store:{entry.name} is {entry.bundle[:12]} now", as_json)


def rollback(
    name: Annotated[str, typer.Argument(help="Name of a policy.")],
    cell: CellOption = "pick_place",
    as_json: JsonOption = False,
) -> None:
    """Go back to what ran before the last promotion, from the next cycle on."""
    from robocell_controller.rollout.store import Store

    entry = Store().rollback(name, _cell(cell))
    _tell(entry, f"store:{entry.name} is {entry.bundle[:12]} again", as_json)


def history(as_json: JsonOption = False) -> None:
    """Show the signed log, after checking it."""
    from rich.console import Console
    from rich.table import Table

    from robocell_controller.rollout.log import torn
    from robocell_controller.rollout.store import Store

    store = Store()
    entries = store.entries()
    if cut := torn(store.log):
        typer.echo(f"robocell: {store.log}: breaks off: {cut} bytes of an event that never happened", err=True)
    if as_json:
        print(json.dumps([entry.model_dump() for entry in entries], indent=2))
        return
    table = Table("time", "event", "name", "bundle", "why")
    for entry in entries:
        table.add_row(entry.time, entry.event, entry.name, entry.bundle[:12], _why(entry))
    Console().print(table)


def _tell(entry: Entry, what: str, as_json: bool) -> None:
    """What was done to a bundle, and what kind of key it is signed with."""
    from robocell_controller.rollout.store import Store
    from robocell_controller.trust.keys import warning

    kind = Store().find(entry.bundle).key_kind
    if as_json:
        print(json.dumps({**entry.model_dump(), "key_kind": kind}, indent=2))
    else:
        typer.echo(f"{what}{warning(kind)}")


def _why(entry: Entry) -> str:
    if entry.evidence.get("key_kind") == "development":
        return "a DEVELOPMENT key"
    return str(entry.evidence.get("verdict", ""))


def _cell(name: str) -> CellConfig:
    from robocell_controller.cell.config import CellConfig
    from robocell_controller.config import load

    return load(CellConfig, "cells", name)
