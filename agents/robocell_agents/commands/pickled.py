"""Options of commands that load what Stable-Baselines3 has saved, which they do only where it is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NormaliserOption = Annotated[
    Path | None, typer.Option(help="The VecNormalize (.pkl) that SB3's policy has learned behind.")
]
TrustOption = Annotated[
    bool, typer.Option("--trust-pickle", help="Load what is from elsewhere and can run any code: only from friends.")
]
OutOption = Annotated[Path, typer.Option(help="Where to write.")]


def named(policy: str, normaliser: Path | None, trusted: bool) -> str:
    """What a policy is loaded by, together with its normaliser; its pickles are noted if it is trusted."""
    from robocell_agents.saved_files import with_normaliser

    reference = with_normaliser(policy, normaliser)
    trust(reference, trusted)
    return reference


def trust(reference: str, trusted: bool) -> None:
    """Notes the pickles of a run folder or policy, if it is trusted."""
    if trusted:
        from robocell_agents.pickles import trust as note

        note(reference)
