"""The command ``robocell``: ``run``, ``replay`` and ``doctor`` live here, the others come through an entry point.

Bad input is one line on stderr and exit code 2; a fault of the machine, such as a full disk or a process that died, one
line and exit code 1; a reader of stdout that has gone gets exit code 1 and no line. What the commands need is imported
when they are called.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import entry_points, version
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from robocell_controller.commands import rollout as rollout_commands
from robocell_controller.commands import trust as trust_commands
from robocell_controller.commands.overview import Overview
from robocell_controller.errors import InputError, ProcessDied
from robocell_controller.files import FAULTS
from robocell_controller.trust.unpickling import forbid_unpickling

COMMANDS = "robocell.commands"  # entry points: functions that add commands to the app
_INTERRUPTED = 130  # 128 + SIGINT
_STDOUT, _STDERR = 1, 2
# Training's commands do unpickle, as SB3 does.
_NO_UNPICKLING = ("run", "replay", "doctor", "verify", "sign", "keys", "policy")


def main() -> None:
    """Runs the command line and exits."""
    _open_streams()
    if sys.argv[1:2] and sys.argv[1] in _NO_UNPICKLING:
        forbid_unpickling()
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(_flushed(execute(sys.argv[1:])))


def execute(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code, 2 for bad input."""
    try:
        code = build_app()(args=arguments, prog_name="robocell", standalone_mode=False)
    except (InputError, FloatingPointError) as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        return _refuse(f"{error.name}: not installed; expected what pip install 'robocell[train]' brings")
    except ProcessDied as error:
        return _say(f"{error}; call again, a training with --resume", 1)
    except (KeyboardInterrupt, typer.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # which typer takes for the end of a terminal's input
            raise error.__cause__ from None
        return _INTERRUPTED
    except OSError as error:
        if error.errno is None:
            raise
        return _fault(error)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what marks a usage error in each version of typer
            raise
        return _refuse(f"{error.format_message()} (robocell --help shows the usage)")
    return code if isinstance(code, int) else 0


def build_app() -> typer.Typer:
    """The command line with the commands of all installed components."""
    app = typer.Typer(cls=Overview, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(_robocell)
    for command in (run, replay, doctor):
        app.command()(command)
    trust_commands.register(app)
    rollout_commands.register(app)
    for entry in entry_points(group=COMMANDS):
        try:
            entry.load()(app)
        except ModuleNotFoundError as error:
            app.info.epilog = f"More commands come with pip install 'robocell[train]' (no module {error.name})."
    return app


def _robocell(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Train a robot cell to adapt, prove it, and run it."""
    if show_version:
        typer.echo(f"robocell {version('robocell')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(
    bundle: Annotated[str, typer.Argument(help="Folder made by robocell export, store:NAME, or program:guided.")],
    cell: Annotated[str, typer.Option(help="Name or file of the cell.")] = "pick_place",
    parts: Annotated[int, typer.Option(min=1, help="Parts to pick and place.")] = 20,
    realtime: Annotated[bool, typer.Option("--realtime", help="Keep to the clock.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of a simulated plant.")] = 0,
    log: Annotated[Path | None, typer.Option(help="New file for the log of every tick.")] = None,
    shadow: Annotated[str | None, typer.Option(help="Bundle that sees the same and is only listened to.")] = None,
    canary: Annotated[
        str | None, typer.Option(help="Bundle that takes turns with store:NAME until a test promotes or rejects it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON, no progress bar.")] = False,
) -> None:
    """Check a bundle, then drive the cell's plant with it, part after part."""
    from robocell_controller.commands.operate import operate
    from robocell_controller.order import Order

    order = Order(bundle, cell, parts, realtime, seed, log, shadow, canary)
    raise typer.Exit(operate(order, as_json))


def replay(
    log: Annotated[Path, typer.Argument(help="Log of robocell run.")],
    bundle: Annotated[
        str | None, typer.Option(help="The bundle or program that ran: its actions are computed again too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Compute a run again from its log: are the commands the same, bit for bit, up to its end? Exit code 1 if not."""
    from contextlib import closing

    from robocell_controller.loop.replay import logged_cell
    from robocell_controller.loop.replay import replay as compute
    from robocell_controller.rollout.deployment import deploy
    from robocell_controller.rollout.supervised import Supervised

    if bundle is None:
        found = compute(log)
    else:
        cell = logged_cell(log)
        with closing(Supervised(cell, deploy(bundle, cell))) as acting:
            found = compute(log, acting)
    typer.echo(found.as_json() if as_json else found.in_words())
    raise typer.Exit(int(not (found.exact and found.complete)))


def doctor(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to probe the wakes.")] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say what this machine can guarantee a control loop; exit code 1 if a loop should not run on it."""
    from robocell_controller.commands.doctor import examine, show

    findings = examine(seconds)
    show(findings, as_json)
    raise typer.Exit(int(not findings["fit"]))


def _open_streams() -> None:
    """A closed standard stream gives its number away to the next file; and what is printed to no stdout is an error.

    Where a stream can't spell a character, as in ASCII, a question mark stands for it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= _STDERR:
        pass
    os.close(descriptor)
    if sys.__stdout__ is None:
        sys.stdout = open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (for as long as the process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _flushed(code: int) -> int:
    """Hands stdout what is still in memory; the exit code, in which an error of that shows too."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)  # or the interpreter's end tries once more
        return code or _fault(error)
    return code


def _fault(error: OSError) -> int:
    """Of the machine. All writers of files name theirs; what is left is stdout."""
    if isinstance(error, BrokenPipeError):
        return 1
    place = error.filename or ("standard output" if error.errno in FAULTS else "the machine")
    return _say(f"{place}: {error.strerror}", 1)


def _refuse(message: str) -> int:
    return _say(message, 2)


def _say(message: str, code: int) -> int:
    with suppress(OSError):  # who can't hear it still gets the code
        print(f"robocell: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _terminated(number: int, frame: FrameType | None) -> None:
    """Ends as after Ctrl-C, with all that is to be cleaned up on the way."""
    raise SystemExit(128 + number)
