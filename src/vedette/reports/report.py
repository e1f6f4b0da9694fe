"""report.html: one page that needs nothing else, for those who look after the place and not after the software."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Mapping, Sequence
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
from vedette.reports.charts import Chart, areas, bars
from vedette.reports.disk import write_whole
from vedette.reports.geometry_layer import geometry_layer
from vedette.reports.journal import Journal, Row
from vedette.reports.palette import css, rule_colour
from vedette.reports.pictures import jpeg, shrunk
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import RuleSummary, Summary
from vedette.reports.timeline import Series, interval_words

_PAGE_ROWS: Final = 40
_MOST_VALUES: Final = 8
_LONGEST_NAME: Final = 80
_MOST_CHARTS: Final = 24
_SCENE_SCALE: Final = 1.5
_ASIDE: Final = frozenset({"cleared"})
"""Kinds that only end what another kind began: listed among the events, not counted in the headlines."""
_SECONDS: Final = frozenset({"intrusion", "loitering", "dwell", "region"})
"""Types of rules whose events carry seconds as their value."""
_BIDI: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_GROUPS: Final = {"person": "people", "vehicle": "vehicles", "animal": "animals"}


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


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline: a number, or text, and what it counts. `tone` is the CSS class of its colour."""

    value: str
    words: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart with its legend (tone, words) and the same figures as a table."""

    title: str
    chart: Chart
    legend: tuple[tuple[str, str], ...]
    table: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class RuleSection:
    """One rule on the page."""

    view: RuleView
    colour: str
    figures: tuple[Figure, ...]
    charts: tuple[ChartView, ...]
    by_label: Mapping[str, Mapping[str, int]]
    values: tuple[tuple[str, str], ...]


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
    sections = [_section(i, rule, summary.rules.get(rule.id), journal) for i, rule in enumerate(rules)]
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
            presence=_presence(journal),
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
        "short": short,
        "clock": words.clock_time,
        "span": words.span,
        "number": words.number,
        "went": words.went,
        "kind": words.kind_words,
        "utc": rfc3339,
        "happened": _happened,
        "thumb": lambda row: _data_uri(row.picture),
        "svg": Markup,
    }
    return environment


def short(text: object, limit: int = _LONGEST_NAME) -> str:
    """`text` without control characters and direction overrides, cut to `limit` characters."""
    raw = str(text)
    kept = "".join(c for c in raw[: 4 * limit] if c not in _BIDI and unicodedata.category(c) not in ("Cc", "Cs", "Co"))
    return kept if len(kept) <= limit and len(raw) <= 4 * limit else kept[: limit - 1] + "\u2026"


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


def _section(position: int, rule: RuleView, found: RuleSummary | None, journal: Journal) -> RuleSection:
    found = found or RuleSummary(type=rule.type, counts={"forward": 0, "backward": 0})
    directed = rule.type == "line_crossing" or any(found.counts.values())
    figures = _directions(rule, found) if directed else _happenings(rule, found, journal)
    charts = [] if position >= _MOST_CHARTS else _rule_charts(rule, found, journal, directed=directed)
    simple = [(key, _plain_words(value)) for key, value in found.values.items() if isinstance(value, int | float | str)]
    colour = css(rule_colour(position, rule.severity))
    return RuleSection(rule, colour, figures, tuple(charts), found.by_label, tuple(simple[:_MOST_VALUES]))


def _plain_words(value: float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return short(value) if isinstance(value, str) else f"{value:.6g}"


def _directions(rule: RuleView, found: RuleSummary) -> tuple[Figure, ...]:
    return tuple(
        Figure(words.number(found.counts.get(way, 0)), words.went(short(rule.direction_name(way), 40)), tone)
        for way, tone in (("forward", "first"), ("backward", "second"))
    )


def _sorts(found: RuleSummary) -> dict[str, int]:
    """Events by direction or kind, over all labels."""
    total: dict[str, int] = {}
    for sorts in found.by_label.values():
        for sort, number in sorts.items():
            total[sort] = total.get(sort, 0) + number
    return {sort: number for sort, number in total.items() if sort not in _ASIDE} or total


def _happenings(rule: RuleView, found: RuleSummary, journal: Journal) -> tuple[Figure, ...]:
    tones = ("first", "second", "third")
    figures = [
        Figure(words.number(number), words.kind_words(sort), tone)
        for (sort, number), tone in zip(_sorts(found).items(), tones, strict=False)
    ]
    if rule.id in journal.peak:
        figures.append(Figure(words.number(journal.peak[rule.id]), "inside at most"))
        figures.append(Figure(words.number(journal.inside[rule.id]), "inside at the end"))
    return tuple(figures) or (Figure(words.number(found.events), "events"),)


def _rule_charts(rule: RuleView, found: RuleSummary, journal: Journal, *, directed: bool) -> list[ChartView]:
    charts = []
    sorts = ["forward", "backward"] if directed else list(_sorts(found))[:3]
    if sorts and found.events:
        named = [(s, words.went(short(rule.direction_name(s), 40)) if directed else words.kind_words(s)) for s in sorts]
        groups = [journal.events_over_time(rule.id, sort) for sort in sorts]
        title = f"Per {interval_words(groups[0].interval_s)}"
        charts.append(_chart(title, bars(groups), groups, [text for _, text in named], places=0))
    if journal.peak.get(rule.id):
        inside = journal.inside_over_time(rule.id)
        title = f"Inside on average, per {interval_words(inside.interval_s)}"
        charts.append(_chart(title, areas([inside]), [inside], ["inside"], places=1))
    return charts


def _presence(journal: Journal) -> ChartView | None:
    """People (and vehicles, and animals) in the whole picture over time; None where nobody ever was."""
    found = [(text, journal.present_over_time(group)) for group, text in _GROUPS.items()]
    found = [(text, series) for text, series in found if any(series.values)]
    if not found:
        return None
    groups = [series for _, series in found]
    title = f"In the picture on average, per {interval_words(groups[0].interval_s)}"
    return _chart(title, areas(groups), groups, [text for text, _ in found], places=1)


def _chart(title: str, chart: Chart, groups: Sequence[Series], names: Sequence[str], *, places: int) -> ChartView:
    first, width = groups[0].first_s, groups[0].interval_s
    table = tuple(
        (words.clock_time(first + i * width), tuple(words.number(series.values[i], places) for series in groups))
        for i in range(len(groups[0].values))
    )
    return ChartView(title, chart, tuple(zip(("first", "second", "third"), names, strict=False)), table)


def _happened(row: Row, views: Mapping[str, RuleView]) -> str:
    """What an event is, after the name of its rule."""
    event = row.event
    if event.direction is None:
        text = words.kind_words_of_one(event.kind)
        in_seconds = views[event.rule].type in _SECONDS
        if event.value is None or (in_seconds and event.value == 0.0):
            return text
        return f"{text} ({event.value:.3g}{' s' if in_seconds else ''})"
    name = event.direction_name or views[event.rule].direction_name(event.direction)
    return words.went(short(name, 40))
