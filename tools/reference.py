"""Writes docs/reference from the code: options from their types and docstrings, commands from their help.

Usage: python tools/reference.py [--check]     --check writes nothing and fails when a page is out of date
"""

from __future__ import annotations

import os
import re
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import time
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

os.environ["COLUMNS"] = "100"

import typer

from vedette.analytics.rules.base import RuleOptions
from vedette.analytics.schedule import Period
from vedette.cli.main import application
from vedette.config.blocks import RecordBlock, RetentionBlock, ServerBlock, StorageBlock, SystemBlock, WatchBlock
from vedette.config.camera import AnalysisBlock, CameraBlock
from vedette.model.geometry import Point
from vedette.model.labels import COCO, GROUPS, MOVER
from vedette.model.spec import Kind
from vedette.plugins import specs

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "reference"
_NOTE: Final = "<!-- Written by `make docs` from the code; changes made here are lost. -->\n"
_ENTRY: Final = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*) {2,}(?P<text>\S.*)$")
_PLAIN: Final = {
    float: "number",
    int: "whole number",
    str: "text",
    bool: "true or false",
    Path: "path",
    time: "time of day",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One row of a table of options."""

    name: str
    type: str
    default: str
    text: str


def options_of(kind: type[Any], without: type[Any] | None = None) -> list[Option]:
    """The fields of an options dataclass, those of the base `without` left out."""
    texts = described(kind)
    hints = get_type_hints(kind)
    inherited = {entry.name for entry in fields(without)} if without else set()
    return [
        Option(entry.name, type_in_words(hints[entry.name]), default_in_words(entry), texts.get(entry.name, ""))
        for entry in fields(kind)
        if entry.name not in inherited
    ]


def described(kind: type[Any]) -> dict[str, str]:
    """Name of each field to what the docstrings of the class and its bases say of it (`name  text`)."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not is_dataclass(base):
            continue
        names: list[str] = []
        for line in (base.__doc__ or "").splitlines():
            entry = _ENTRY.match(line)
            if entry:
                names = entry["names"].split(", ")
                texts.update(dict.fromkeys(names, entry["text"]))
            elif line.startswith("      ") and names:
                texts.update({name: f"{texts[name]} {line.strip()}" for name in names})
            else:
                names = []
    return texts


def type_in_words(hint: Any) -> str:  # noqa: ANN401, PLR0911 - one line for each form
    """A type as somebody who writes YAML thinks of it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint == Point:
        return "point [x, y]"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(dict.fromkeys(type_in_words(part) for part in arguments if part is not type(None)))
    if origin is tuple and arguments[-1] is ...:
        return f"list of {plural(type_in_words(arguments[0]))}"
    if origin is tuple:
        return f"[{', '.join(type_in_words(part) for part in arguments)}]"
    if origin is dict:
        return f"mapping of {type_in_words(arguments[0])} to {type_in_words(arguments[1])}"
    return f"mapping ({hint.__name__})" if isinstance(hint, type) and is_dataclass(hint) else "anything"


def plural(words: str) -> str:
    """`words` for several of it, where that differs."""
    return {"point [x, y]": "points [x, y]", "text": "texts", "anything": "mappings"}.get(words, words)


def default_in_words(entry: Field[Any]) -> str:
    """What holds when nothing is said."""
    if entry.default is MISSING:
        return "required" if entry.default_factory is MISSING else "empty"
    if entry.default is None or is_dataclass(entry.default):
        return ""
    if entry.default == ():
        return "empty"
    if isinstance(entry.default, tuple):
        return f"`[{', '.join(str(value) for value in entry.default)}]`"
    if isinstance(entry.default, float):
        return f"`{entry.default:g}`"
    return f"`{str(entry.default).lower() if isinstance(entry.default, bool) else entry.default}`"


def table(options: list[Option]) -> Iterator[str]:
    """A Markdown table."""
    if not options:
        yield "No options of its own.\n"
        return
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for option in options:
        cells = (f"`{option.name}`", option.type, option.default, option.text)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def nested(kind: type[Any]) -> Iterator[type[Any]]:
    """Dataclasses that the options hold."""
    for hint in get_type_hints(kind).values():
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and is_dataclass(part):
                yield part


def plugin_sections(kind: Kind, base: type[Any] | None = None) -> Iterator[str]:
    """One section for each installed plug-in of a kind."""
    for name, spec in specs(kind).items():
        yield f"### `{name}`\n"
        yield f"{spec.summary}\n"
        yield from table(options_of(spec.options, base))
        for part in dict.fromkeys(nested(spec.options)):
            if part is not Period:
                yield f"`{part.__name__}`:\n"
                yield from table(options_of(part))


def config_page() -> str:
    """docs/reference/config.md."""
    lines = [_NOTE, "# Configuration\n"]
    lines += ["A rules file is YAML. Unknown keys, tags, duplicate keys and numbers that are not finite are refused,"]
    lines += ["with the line they stand on; `vedette check-config FILE` says what was understood.\n"]
    lines += ["Points are `[x, y]` in 0..1 of the picture, x to the right and y down, or in pixels with `units: px`"]
    lines += ["and `frame: [width, height]`, at the top of the file or in a rule.\n"]
    lines += ["## The file\n", *table(options_of(CameraBlock))]
    lines += ["### `analysis`\n", *table(options_of(AnalysisBlock))]
    lines += ["## Rules\n", "Every rule has a `type` and these options:\n", *table(options_of(RuleOptions))]
    lines += ["A period of a `schedule`:\n", *table(options_of(Period))]
    lines += [
        "## Labels\n",
        f"The classes of the detector, groups of them, and `{MOVER}`: something that moves and whose",
    ]
    lines += ["class the picture does not show.\n", "| group | members |", "|---|---|"]
    lines += [f"| `{group}` | {', '.join(names)} |" for group, names in GROUPS.items()]
    lines += ["", f"The default detector knows {', '.join(COCO)}.\n", "## Rule types\n"]
    lines += plugin_sections("rules", RuleOptions)
    lines += ["## Detectors\n", "`detector: {name: ..., ...}` with the options of the detector:\n"]
    lines += plugin_sections("detectors")
    lines += ["## The system: `vedette.yaml`\n", *table(options_of(SystemBlock))]
    lines += ["### `storage`\n", "A list of folders.\n", *table(options_of(StorageBlock))]
    lines += ["### `retention`\n", *table(options_of(RetentionBlock))]
    lines += ["### `server`\n", *table(options_of(ServerBlock))]
    lines += ["### `cameras`\n", "By id; each has the keys of a rules file (except `camera`) and these. At"]
    lines += ["`analysis:`, `fps` is 5 unless it says otherwise.\n", *table(options_of(WatchBlock))]
    lines += ["### `record`\n", *table(options_of(RecordBlock))]
    lines += ["## Sources\n", "Chosen by the form of the address.\n", *plugin_sections("sources")]
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    """docs/reference/cli.md."""
    root = typer.main.get_command(application())
    lines = [_NOTE, "# Commands\n"]
    lines += ["Exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted; errors are one line on standard error.\n"]
    lines += command_sections(root, "vedette", None)
    return "\n".join(lines).rstrip() + "\n"


def command_sections(command: Any, path: str, parent: Any) -> Iterator[str]:  # noqa: ANN401 - typer's own classes
    """A section for a command and each of its subcommands."""
    with command.make_context(path.rpartition(" ")[2], [], parent=parent, resilient_parsing=True) as context:
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        yield f"## `{path}`\n"
        yield f"```text\n{text.strip()}\n```\n"
        for name, below in getattr(command, "commands", {}).items():
            yield from command_sections(below, f"{path} {name}", context)


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check compare them; 1 when one is out of date."""
    pages = {"config.md": config_page(), "cli.md": cli_page()}
    stale = [name for name, text in pages.items() if not _same(FOLDER / name, text)]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"reference: docs/reference/{name} is out of date: run make docs\n")
        sys.stdout.write(f"reference pages up to date: {len(pages) - len(stale)} of {len(pages)}\n")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages[name], encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
