"""The command `vedette`: collects the commands and turns errors into one line and an exit status.

Exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer import TyperException

from vedette import __version__
from vedette.model.errors import UsageError, VedetteError

COMMANDS: Final = (
    "demo",
    "run",
    "analyze",
    "simulate",
    "check_config",
    "plan",
    "models",
    "export",
    "replay",
    "lock",
    "fsck",
)
"""Modules of this package with commands, in the order of `--help`. Each has `register(app)` and imports what is heavy
only when its command runs, so that `vedette --help` answers at once."""

EXAMPLES: Final = """\b
Examples:
  vedette demo
      see it work, nothing to configure
  vedette analyze shop.mp4 -c rules.yaml -o out
      counts, alarms, a heat map and a report
  vedette check-config rules.yaml
      is the file right, and what does it mean
  vedette plan --resolution 1080p --hfov 90 --height 3
      what can this camera see, and how far
"""


def application() -> typer.Typer:
    """The commands that are there."""
    app = typer.Typer(
        name="vedette",
        help="Video security that runs on your own machine.",
        epilog=EXAMPLES,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(_root)
    for name in COMMANDS:
        importlib.import_module(f"vedette.cli.{name}").register(app)
    return app


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"vedette {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line (without the program's name); the answer is the exit status."""
    try:
        status = application()(args=arguments, prog_name="vedette", standalone_mode=False)
        sys.stdout.flush()
    except VedetteError as error:
        return _complain(str(error), 2 if isinstance(error, UsageError) else 1)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vedette"
        text = error.format_message().replace("Value error, ", "").rstrip(".")
        return _complain(f"{text} (see {command} --help)", error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has had enough; nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", 130)
    return _complain("interrupted", 130) if status == 130 else int(status or 0)


def _complain(text: str, status: int) -> int:
    line = " ".join(text.split())
    sys.stderr.write(f"vedette: {line}\n")
    return status


def main() -> None:
    """Entry point of the program."""
    sys.exit(run())


if __name__ == "__main__":
    main()
