"""`vedette fsck`: do recordings and database agree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

HELP = """Check every recorded file against the database.

Findings are one line each; the exit status is 1 when something is left that is not as it should be. With --repair what
can be mended without losing anything is mended; the recorder must not run then.

Example:

  vedette fsck --hashes -c vedette.yaml
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("fsck", help=HELP)(fsck)


def fsck(
    config: Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="The file of the system.")] = Path(
        "vedette.yaml"
    ),
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    hashes: Annotated[bool, typer.Option("--hashes", help="Read every byte and compare the hashes.")] = False,
) -> None:
    """Check, and say what was found."""
    from vedette.app import stored  # noqa: PLC0415 - heavy
    from vedette.cli.in_words import count  # noqa: PLC0415
    from vedette.config import load_system  # noqa: PLC0415

    findings = stored.fsck(load_system(config), hashes=hashes, repair=repair)
    for finding in findings:
        how = "mended: " if finding.repaired else ""
        sys.stdout.write(f"{how}{finding.kind}: {finding.subject}: {finding.text}\n")
    left = sum(not finding.repaired for finding in findings)
    mended = len(findings) - left
    typer.echo(f"{count(left, 'finding')} left, {mended} mended" if findings else "everything is as it should be")
    if left:
        raise typer.Exit(1)
