"""The commands around bundles that need more than the controller: ``robocell bench bundle|canary`` and ``sbom``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robocell_controller.options import JsonOption


def register(app: typer.Typer, bench: typer.Typer) -> None:
    """Adds the commands."""
    bench.command("bundle")(bench_bundle)
    bench.command("canary")(bench_canary)
    app.command()(sbom)


def bench_bundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle.")] = Path("results/policies/pick_place"),
    rounds: Annotated[int, typer.Option(min=1, help="Loads; one more, which warms caches, is not counted.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """What checking a bundle costs: each check, all but the golden pairs, and their replay."""
    from robocell_agents.bench.bundle import bench_bundle as measure
    from robocell_agents.bench.bundle import bundle_table

    document = measure(bundle, rounds)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(bundle_table(document))


def bench_canary(
    rollouts: Annotated[int, typer.Option(min=1, help="Simulated roll-outs of each case.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """How often the canary's test stops a worse candidate, and an equal one wrongly, in simulated roll-outs."""
    from robocell_agents import provenance
    from robocell_agents.bench.bundle import canary_table
    from robocell_controller.rollout.simulate import bench_canary as measure

    document = {**provenance.record(), **measure(rollouts)}
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(canary_table(document))


def sbom(
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("dist/robocell.cdx.json"),
) -> None:
    """Write the bill of materials of this installation (CycloneDX): what robocell needs, as it is installed here."""
    from importlib.metadata import version

    from robocell_controller.files import write_bytes
    from robocell_controller.trust.canonical import json_bytes
    from robocell_controller.trust.sbom import bill_of_materials

    root = {"type": "application", "name": "robocell", "version": version("robocell")}
    bill = bill_of_materials(root, "robocell", frozenset({"train", "sbx"}))
    write_bytes(out, json_bytes(bill))
    Console().print(f"{out}: {len(bill['components'])} components")
