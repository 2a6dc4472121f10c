"""The commands of trust: ``robocell keys new|list|revoke``, ``sign`` and ``verify``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from robocell_controller.options import JsonOption

BundleArgument = Annotated[Path, typer.Argument(help="Folder made by robocell export.")]
_REFUSED = 2
_KEY_FIELDS = {"id", "name", "kind", "expires"}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(sign)
    app.command()(verify)
    keys = typer.Typer(help="The keys that bundles are signed with, and those that are trusted.")
    keys.command("new")(new)
    keys.command("list")(list_)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def sign(
    bundle: BundleArgument,
    key: Annotated[str, typer.Option(help="Key of this installation, made by robocell keys new.")] = "development",
    release: Annotated[
        Path | None,
        typer.Option(help="Sign with a new key instead, put its public half into this folder and forget the rest."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a bundle (anew), after all checks but that of its present signature."""
    from robocell_controller.bundle.bundle import resign
    from robocell_controller.files import beside
    from robocell_controller.trust.anchors import load_anchors
    from robocell_controller.trust.keys import warning, write_key
    from robocell_controller.trust.signing import ephemeral_key, load_signing_key

    if release:
        signer = ephemeral_key(f"{bundle.resolve().name}-release", "release", _today())
    else:
        anchors = load_anchors()
        signer = load_signing_key(anchors.ring, key, anchors.today)
    by, public = signer.public, release / f"{signer.public.name}.yaml" if release else None
    with beside(public) if public else nullcontext() as new:
        if new:
            write_key(new.parent, by)  # before the signature, which is worth nothing without it
        manifest = resign(bundle, signer)
    if as_json:
        about = manifest.model_dump(include={"name", "version", "epoch"})
        print(json.dumps({**about, "key": by.model_dump(mode="json", include=_KEY_FIELDS)}, indent=2))
        return
    typer.echo(f"{bundle}: {manifest.name} {manifest.version} signed with {by.name} ({by.id}){warning(by.kind)}")
    if public:
        typer.echo(f"{public}: its public half; its private half is kept nowhere")


def verify(
    bundle: BundleArgument,
    cell: Annotated[str, typer.Option(help="Name or file of the cell that it is to drive.")] = "pick_place",
    as_json: JsonOption = False,
) -> None:
    """Make every check that robocell run makes; exit code 2 and one code if it refuses."""
    from robocell_controller.trust.keys import DEVELOPMENT_NOTICE
    from robocell_controller.trust.refusals import RefusedError

    try:
        report = _verified(bundle, cell)
    except RefusedError as error:
        if not as_json:
            raise
        print(json.dumps({"accepted": False, "code": error.code.value, "message": str(error)}, indent=2))
        raise typer.Exit(_REFUSED) from error
    if as_json:
        print(json.dumps(report, indent=2))
        return
    key, golden = report["key"], report["timings_ms"]["golden"]
    typer.echo(f"{bundle}: {report['name']} {report['version']}, epoch {report['epoch']}: accepted for {cell}")
    typer.echo(f"signed with the {key['kind']} key '{key['name']}' ({key['id']}), valid until {key['expires']}")
    if key["kind"] == "development":
        typer.echo(DEVELOPMENT_NOTICE)
    typer.echo(f"checked in {report['verify_ms']:.1f} ms, golden pairs replayed in {golden:.1f} ms")


def new(
    name: Annotated[str, typer.Argument(help="Name of the key, e.g. the line's or a person's.")],
    as_json: JsonOption = False,
) -> None:
    """Make a key for releases; its private half stays here, its public half can be copied to other cells."""
    from robocell_controller.trust.keys import user_folder
    from robocell_controller.trust.signing import new_key, private_file

    key = new_key(name, "release", _today()).public
    private, public = private_file(name), user_folder() / f"{name}.yaml"
    if as_json:
        about = key.model_dump(mode="json", include=_KEY_FIELDS)
        print(json.dumps({**about, "private_file": str(private), "public_file": str(public)}, indent=2))
        return
    typer.echo(f"{name} ({key.id}), valid until {key.expires}")
    typer.echo(f"private, for this user only: {private}")
    typer.echo(f"trusted here, to be copied to the cells that shall trust it: {public}")


def list_(as_json: JsonOption = False) -> None:
    """List the keys that this installation knows, and whether it trusts them."""
    from rich.console import Console
    from rich.table import Table

    from robocell_controller.trust.keys import load_ring

    today = _today()
    rows: list[dict[str, Any]] = [
        {**key.model_dump(mode="json", exclude={"public_key"}), "state": key.state(today)}
        for key in sorted(load_ring().keys.values(), key=lambda key: key.name)
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    columns = ("name", "id", "kind", "state", "expires", "reason")
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    Console().print(table)


def revoke(
    key: Annotated[str, typer.Argument(help="Name or id of a key.")],
    reason: Annotated[str, typer.Option(help="Why; shown when something it signed is refused.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Trust a key no more on this installation, a shipped one too."""
    from robocell_controller.trust.keys import revoke as withdraw

    revoked = withdraw(key, reason, _today())
    if as_json:
        print(json.dumps(revoked.model_dump(mode="json", exclude={"public_key"}), indent=2))
        return
    typer.echo(f"{revoked.name} ({revoked.id}): revoked; robocell run refuses what it signed")


def _verified(bundle: Path, cell: str) -> dict[str, Any]:
    from robocell_controller.bundle.bundle import load_bundle
    from robocell_controller.cell.config import CellConfig
    from robocell_controller.config import load

    checked = load_bundle(bundle, load(CellConfig, "cells", cell))
    manifest, timings = checked.manifest, checked.timings_ms
    return {
        "accepted": True,
        "name": manifest.name,
        "version": manifest.version,
        "epoch": manifest.epoch,
        "key": checked.key.model_dump(mode="json", include=_KEY_FIELDS),
        "verify_ms": round(sum(took for check, took in timings.items() if check != "golden"), 3),
        "timings_ms": timings,
        "inference_us": checked.latencies.summary_us(),
    }


def _today() -> date:
    return datetime.now(timezone.utc).date()
