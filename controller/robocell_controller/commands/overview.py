"""What ``robocell --help`` shows: the commands by what people are about to do, most used first."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

PURPOSES = {
    "Train": ("demo", "train", "tune"),
    "Prove": ("evaluate", "compare", "study", "record", "results", "bench"),
    "Ship": ("export", "verify", "policy", "keys", "sign", "sbom"),
    "Run": ("run", "report", "replay", "doctor"),
}
OTHERS = "Others"
_LONGEST = 200  # characters of a command's first sentence


class Overview(TyperGroup):
    """The app's list of commands, under a heading for each purpose; what is not installed is not listed."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the headings and commands; those that no purpose names, from other components, come last."""
        known = {name for names in PURPOSES.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in known)
        for heading, names in {**PURPOSES, OTHERS: others}.items():
            commands = {name: command for name in names if (command := self.get_command(ctx, name))}
            if commands:
                with formatter.section(heading):
                    formatter.write_dl([(name, each.get_short_help_str(_LONGEST)) for name, each in commands.items()])
