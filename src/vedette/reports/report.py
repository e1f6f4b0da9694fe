"""report.html: one page that needs nothing else, for those who look after the place and not after the software."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

import jinja2
import numpy as np
from markupsafe import Markup

from vedette.model.media import Image
from vedette.model.time import rfc3339
from vedette.reports import words
from vedette.reports.disk import write_whole
from vedette.reports.geometry_layer import geometry_layer
from vedette.reports.journal import Journal
from vedette.reports.palette import css, rule_colour
from vedette.reports.pictures import jpeg, shrunk
from vedette.reports.rule_view import RuleView
from vedette.reports.sections import happened, presence, section
from vedette.reports.summary import Summary

_PAGE_ROWS: Final = 40
_SCENE_SCALE: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownError:
    """How wrong this version is known to be, from known_error.json; None where not measured."""

    count_error_percent: float | None = None
    event_f1: float | None = None
    crossings: int | None = None
    measured_on: str | None = None
    model: str | None = None


def known_error() -> KnownError:
    """The figures that come with this version."""
    text = resources.files("vedette.reports").joinpath("known_error.json").read_text("utf-8")
    return KnownError(**json.loads(text))


def write_report(
    path: Path,
    journal: Journal,
    summary: Summary,
    rules: Sequence[RuleView],
    heat_picture: Image | None,
) -> None:
    """Write report.html whole or not at all. Raises OutputError."""
    page = render(journal, summary, rules, heat_picture, known_error())
    write_whole(path, page.encode("utf-8", "replace"))


def render(
    journal: Journal, summary: Summary, rules: Sequence[RuleView], heat_picture: Image | None, error: KnownError
) -> str:
    """The page as text. All that users named is escaped; there is no script and nothing is loaded from elsewhere."""
    sections = [section(i, rule, summary.rules.get(rule.id), journal) for i, rule in enumerate(rules)]
    rows = journal.rows()
    return (
        _environment()
        .get_template("report.html")
        .render(
            name=Path(words.without_password(summary.source.path)).name or summary.source.path,
            path=words.without_password(summary.source.path),
            summary=summary,
            started=_started(journal.start_utc_ns),
            sections=sections,
            scene=_scene(journal, rules),
            heat=None if heat_picture is None else _data_uri(jpeg(shrunk(heat_picture), 82)),
            presence=presence(journal),
            pages=[rows[i : i + _PAGE_ROWS] for i in range(0, len(rows), _PAGE_ROWS)],
            shown=len(rows),
            events=journal.events,
            error=error,
            crossings=sum(sum(found.counts.values()) for found in summary.rules.values()),
            views={rule.id: rule for rule in rules},
            colours={rule.id: css(rule_colour(i, rule.severity)) for i, rule in enumerate(rules)},
            types=sorted({rule.type for rule in rules}),
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vedette.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "short": words.short,
        "clock": words.clock_time,
        "span": words.span,
        "number": words.number,
        "went": words.went,
        "kind": words.kind_words,
        "utc": rfc3339,
        "happened": happened,
        "thumb": lambda row: _data_uri(row.picture),
        "svg": Markup,
    }
    return environment


def _data_uri(coded: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(coded).decode()


def _started(utc_ns: int) -> str:
    """The day and time of the first picture, where the source's clock is plausible."""
    moment = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)
    return f"{moment:%d %B %Y, %H:%M:%S} UTC".lstrip("0") if moment.year >= 2000 else ""


def _scene(journal: Journal, rules: Sequence[RuleView]) -> str | None:
    picture = journal.scene.picture()
    if picture is None:
        return None
    drawn: Image = np.array(picture)
    geometry_layer(rules, drawn.shape[1], drawn.shape[0], _SCENE_SCALE).lay_on(drawn)
    return _data_uri(jpeg(drawn, 80))
