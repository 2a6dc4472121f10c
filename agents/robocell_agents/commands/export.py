"""``robocell export``: of a run folder, or of a policy that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robocell_agents.commands.pickled import NormaliserOption, OutOption, TrustOption, named
from robocell_controller.errors import InputError


def export(
    policy: Annotated[str, typer.Argument(help="Run folder of a finished training, or a policy saved by SB3 (.zip).")],
    out: OutOption,
    cell: Annotated[
        str | None, typer.Option(help="Cell, name or file, that SB3's policy was trained in; a run knows its own.")
    ] = None,
    normaliser: NormaliserOption = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="What evaluate --json wrote of SB3's policy; a run's lies in its folder.")
    ] = None,
    key: Annotated[str, typer.Option(help="Key of this installation to sign with.")] = "development",
    epoch: Annotated[int, typer.Option(min=1, help="Grows when older bundles of the name are to be withdrawn.")] = 1,
    name: Annotated[
        str | None,
        typer.Option(
            help="What the store calls it: one name for all that may take each other's place.  [default: config, file]"
        ),
    ] = None,
    trust_pickle: TrustOption = False,
) -> None:
    """Export a policy as a signed bundle, after replaying it against ONNX Runtime."""
    from robocell_agents.export.export import export as export_run
    from robocell_agents.export.export import export_saved
    from robocell_agents.saved_files import saved_files

    files = saved_files(named(policy, normaliser, trust_pickle))
    if files is None:
        _refuse({"--cell": cell, "--evaluation": evaluation}, policy)
        parity = export_run(Path(policy), out, key, epoch, name)
    elif cell is None:
        raise InputError("--cell", "missing", f"the cell that {files.policy} was trained in")
    else:
        parity = export_saved(files, cell, out, key, epoch, name, evaluation)
    Console().print(f"{out}: the policy and ONNX Runtime agree within {parity.greatest:.1e}")


def _refuse(options: dict[str, object], run: str) -> None:
    """A run folder answers these itself."""
    for option, value in options.items():
        if value is not None:
            raise InputError(option, f"{value} for {run}", "it for a policy saved by SB3 (.zip)")
