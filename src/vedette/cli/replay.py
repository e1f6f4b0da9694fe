"""`vedette replay`: rules over the past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vedette.app.stored import Past
    from vedette.config import CameraConfig

HELP = """Run rules over the stored tracks of a camera: what would they have counted?

FILE is a rules file, or vedette.yaml for the camera's present rules. Nothing is decoded, so a day takes seconds.

Example:

  vedette replay --camera door --from -24h --to now -c rules.yaml
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("replay", help=HELP)(replay)


def replay(
    camera: Annotated[str, typer.Option("--camera", metavar="ID", help="Whose tracks.")],
    start: Annotated[str, typer.Option("--from", metavar="MOMENT", help="Where the past begins.")],
    end: Annotated[str, typer.Option("--to", metavar="MOMENT", help="Where it ends.")] = "now",
    config: Annotated[
        Path, typer.Option("-c", "--config", metavar="FILE", help="The rules, or the file of the system.")
    ] = Path("vedette.yaml"),
    system: Annotated[
        Path, typer.Option("--system", metavar="FILE", help="The file of the system, where -c names only rules.")
    ] = Path("vedette.yaml"),
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the events, one JSON a line.")
    ] = None,
) -> None:
    """Say what the rules would have found."""
    from vedette.app import stored  # noqa: PLC0415 - heavy
    from vedette.cli.moments import span  # noqa: PLC0415
    from vedette.cli.progress import share  # noqa: PLC0415
    from vedette.config import SystemConfig, load_either, load_system  # noqa: PLC0415

    given = load_either(config)
    whole = given if isinstance(given, SystemConfig) else load_system(system)
    rules = whole.camera(camera).config if isinstance(given, SystemConfig) else given
    when = span(start, end, whole.timezone)
    with share("replaying") as progress:
        past = stored.replay(whole, camera, rules, when, progress)
    _show(past, rules)
    if out is not None:
        _write(past, out)


def _show(past: Past, rules: CameraConfig) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.cli.in_words import count  # noqa: PLC0415

    table = Table("rule", "what", "how often")
    for rule in rules.rules:
        found = {key: times for key, times in past.counts.items() if key[0] == rule.id}
        for (_, kind, direction), times in sorted(found.items()) or [((rule.id, "nothing", ""), 0)]:
            table.add_row(escape(rule.id), f"{kind} {direction}".strip(), str(times))
    console = Console()
    if rules.rules:
        console.print(table)
    console.print(f"{count(past.tracks, 'track')}, {count(len(past.events), 'event')}", highlight=False)


def _write(past: Past, out: Path) -> None:
    from vedette.model.errors import OutputError  # noqa: PLC0415
    from vedette.reports.events import event_json  # noqa: PLC0415

    lines = "".join(json.dumps(event_json(event)) + "\n" for event in past.events)
    try:
        out.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}; choose another file") from error
    typer.echo(f"wrote {out}")
