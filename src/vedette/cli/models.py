"""`vedette models`: which model files there are, fetch them, check them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vedette.model.errors import WeightsError

if TYPE_CHECKING:
    from vedette.vision.weights import Registry, Weights

HELP = """Model files: list, fetch and verify them.

No model is part of the program. Each is fetched once, checked by its SHA-256 and kept in the cache
($VEDETTE_CACHE, otherwise ~/.cache/vedette); with VEDETTE_OFFLINE=1 nothing is ever fetched.

\b
Examples:
  vedette models list
  vedette models fetch
  vedette models verify yolox-nano
"""

LIST_HELP = """Show every known model and whether it is there.

\b
Example:
  vedette models list
"""

FETCH_HELP = """Bring a model into the cache, or all of them.

A damaged file is replaced; a good one is left alone.

\b
Examples:
  vedette models fetch yolox-nano
  vedette models fetch
"""

VERIFY_HELP = """Check cached models against their SHA-256.

Nothing is fetched. The exit status is 1 when a model is missing or damaged.

\b
Examples:
  vedette models verify yolox-nano
  vedette models verify
"""

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One model; without it, all of them.")]


def register(app: typer.Typer) -> None:
    """Add the group to `app`."""
    group = typer.Typer(help=HELP)
    group.callback(invoke_without_command=True)(_root)
    group.command("list", help=LIST_HELP)(show)
    group.command("fetch", help=FETCH_HELP)(fetch)
    group.command("verify", help=VERIFY_HELP)(verify)
    app.add_typer(group, name="models")


def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def show() -> None:
    """List the models."""
    from vedette.vision.weights import registry  # noqa: PLC0415 - hashes and sockets, not needed for --help

    known = registry()
    _table(known, known.entries())


def fetch(name: Name = None) -> None:
    """Fetch one model or all."""
    from rich.console import Console  # noqa: PLC0415

    from vedette.vision.weights import registry  # noqa: PLC0415

    known = registry()
    console = Console(stderr=True)
    for weights in _chosen(known, name):
        with console.status(f"looking for {weights.file}") as status:
            path = known.fetch(weights.name, status.update if console.is_terminal else _say)
        typer.echo(f"{weights.name}: {path}")


def verify(name: Name = None) -> None:
    """Check one model or all."""
    from vedette.vision.weights import registry  # noqa: PLC0415

    known = registry()
    chosen = _chosen(known, name)
    faults = _table(known, chosen)
    if len(faults) == 1:
        raise WeightsError(faults[0])
    if faults:
        raise WeightsError(f"{len(faults)} of {len(chosen)} models are missing or damaged; run `vedette models fetch`")


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _chosen(known: Registry, name: str | None) -> tuple[Weights, ...]:
    return known.entries() if name is None else (known.entry(name),)


def _table(known: Registry, chosen: tuple[Weights, ...]) -> list[str]:
    """Print the models and their state; answers what is wrong with them."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Column, Table  # noqa: PLC0415

    faults: list[str] = []
    table = Table("model", "state", "MB", "sha256", "licence", Column("file", no_wrap=True))
    for weights in chosen:
        state = "[green]verified[/]"
        try:
            known.verify(weights.name)
        except WeightsError as error:
            faults.append(str(error))
            state = "[red]damaged[/]" if known.where(weights.name).exists() else "[yellow]not fetched[/]"
        size = f"{weights.size_bytes / 1e6:.1f}"
        table.add_row(weights.name, state, size, weights.sha256[:12], weights.licence, weights.file)
    console = Console()
    console.print(table)
    console.print(f"cache: {escape(str(known.folder))}", soft_wrap=True, highlight=False)
    return faults
