"""The rules on the page: headline figures, charts and what an event is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vedette.reports import words
from vedette.reports.charts import Chart, areas, bars
from vedette.reports.journal import Journal, Row
from vedette.reports.palette import css, rule_colour
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import RuleSummary
from vedette.reports.timeline import Series, interval_words
from vedette.reports.words import short

_MOST_VALUES: Final = 8
_MOST_CHARTS: Final = 24
_TONES: Final = ("first", "second", "third")
_ASIDE: Final = frozenset({"cleared"})
"""Kinds that only end what another kind began: listed among the events, not counted in the headlines."""
_SECONDS: Final = frozenset({"intrusion", "loitering", "dwell", "region"})
"""Types of rules whose events carry seconds as their value."""
_OWN: Final = {
    "occupancy": frozenset({"now", "most"}),
    "heat_map": frozenset({"by", "unit"}),
    "dwell": frozenset({"n", "mean_s", "min_s", "max_s", "now", "cut"}),
    "count": frozenset({"total"}),
}
"""Figures by type of rule that the page says in another way already."""
_GROUPS: Final = {"person": "people", "vehicle": "vehicles", "animal": "animals"}


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
    """One rule on the page. `visits` are lengths of visits in words, how many, and the bar's length in percent."""

    view: RuleView
    colour: str
    figures: tuple[Figure, ...]
    charts: tuple[ChartView, ...]
    by_label: Mapping[str, Mapping[str, int]]
    values: tuple[tuple[str, str], ...]
    visits: tuple[tuple[str, int, int], ...]


def section(position: int, rule: RuleView, found: RuleSummary | None, journal: Journal) -> RuleSection:
    """What the page says of the rule at `position`."""
    found = found or RuleSummary(type=rule.type, counts={"forward": 0, "backward": 0})
    directed = rule.type == "line_crossing" or any(found.counts.values())
    figures = _directions(rule, found) if directed else _happenings(rule, found, journal)
    charts = [] if position >= _MOST_CHARTS else _charts(rule, found, journal, directed=directed)
    said = _OWN.get(rule.type, frozenset())
    simple = [
        (k, _plain_words(v)) for k, v in found.values.items() if isinstance(v, int | float | str) and k not in said
    ]
    colour = css(rule_colour(position, rule.severity))
    visits = _visits(found.values)
    return RuleSection(rule, colour, figures, tuple(charts), found.by_label, tuple(simple[:_MOST_VALUES]), visits)


def presence(journal: Journal) -> ChartView | None:
    """People (and vehicles, and animals) in the whole picture over time; None where nobody ever was."""
    all_groups = [(text, journal.present_over_time(group)) for group, text in _GROUPS.items()]
    found = [(text, series) for text, series in all_groups if any(series.values)]
    if not found:
        return None
    groups = [series for _, series in found]
    title = f"On average, per {interval_words(groups[0].interval_s)}"
    return _chart(title, areas(groups), groups, [text for text, _ in found], places=1)


def happened(row: Row, views: Mapping[str, RuleView]) -> str:
    """What an event is, after the name of its rule."""
    event = row.event
    if event.direction is not None:
        return words.went(short(event.direction_name or views[event.rule].direction_name(event.direction), 40))
    text = words.kind_words_of_one(event.kind)
    in_seconds = views[event.rule].type in _SECONDS
    if event.value is None or (in_seconds and event.value == 0.0):
        return text
    return f"{text} ({event.value:.3g}{' s' if in_seconds else ''})"


def _plain_words(value: float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return short(value) if isinstance(value, str) else f"{value:.6g}"


def _directions(rule: RuleView, found: RuleSummary) -> tuple[Figure, ...]:
    return tuple(
        Figure(words.number(found.counts.get(way, 0)), words.went(short(rule.direction_name(way), 40)), tone)
        for way, tone in zip(("forward", "backward"), _TONES, strict=False)
    )


def _sorts(rule: RuleView, journal: Journal) -> dict[str, int]:
    """Events by direction or kind, without those that only end others."""
    total = journal.sorts.get(rule.id, {})
    return {sort: number for sort, number in total.items() if sort not in _ASIDE} or total


def _happenings(rule: RuleView, found: RuleSummary, journal: Journal) -> tuple[Figure, ...]:
    figures = [
        Figure(words.number(number), words.kind_words(sort), tone)
        for (sort, number), tone in zip(_sorts(rule, journal).items(), _TONES, strict=False)
    ]
    return (*figures, *_of_values(rule, found, journal)) or (Figure(words.number(found.events), "events"),)


def _of_values(rule: RuleView, found: RuleSummary, journal: Journal) -> list[Figure]:
    values = found.values
    if rule.type == "heat_map":
        return [Figure("shown below", f"by {short(values.get('by', 'presence'), 20)}")]
    if rule.type == "count":
        return _of_total(values.get("total"))
    if rule.type == "dwell":
        longest = [
            Figure(f"{_number(values[key], 1)} s", text) for key, text in _LENGTHS if values.get(key) is not None
        ]
        return [Figure(_number(values.get("n", 0)), "visits", "first"), *longest]
    if rule.id not in journal.peak and "most" not in values:
        return []
    most = Figure(_number(values.get("most", journal.peak.get(rule.id, 0))), "inside at most")
    if rule.type != "occupancy":
        return [most]
    return [most, Figure(_number(journal.inside.get(rule.id, values.get("now", 0))), "inside at the end")]


def _of_total(total: object) -> list[Figure]:
    """Figures of a `count` rule: all, and where there are several sorts, each."""
    sorts = {str(k): v for k, v in total.items() if isinstance(v, int)} if isinstance(total, Mapping) else {}
    each = [Figure(words.number(number), words.kind_words(short(sort, 20))) for sort, number in sorts.items()]
    return [Figure(words.number(sum(sorts.values())), "counted in all", "first"), *(each if len(each) > 1 else [])]


_LENGTHS: Final = (("mean_s", "average stay"), ("max_s", "longest stay"))


def _number(value: object, places: int = 0) -> str:
    return words.number(value, places) if isinstance(value, int | float) else short(value, 20)


def _visits(values: Mapping[str, object]) -> tuple[tuple[str, int, int], ...]:
    """The histogram among the figures of a `dwell` rule."""
    bins = values.get("histogram")
    if not isinstance(bins, list):
        return ()
    rows = [
        (b["from_s"], b["to_s"], int(b["n"])) for b in bins if isinstance(b, dict) and {"from_s", "to_s", "n"} <= set(b)
    ]
    most = max((n for *_, n in rows), default=0)
    return tuple(
        (f"{low} to {high} s" if high is not None else f"{low} s and more", n, round(100 * n / max(most, 1)))
        for low, high, n in rows
    )


def _charts(rule: RuleView, found: RuleSummary, journal: Journal, *, directed: bool) -> list[ChartView]:
    charts = []
    sorts = ["forward", "backward"] if directed else list(_sorts(rule, journal))[:3]
    if sorts and found.events:
        names = [words.went(short(rule.direction_name(s), 40)) if directed else words.kind_words(s) for s in sorts]
        groups = [journal.events_over_time(rule.id, sort) for sort in sorts]
        charts.append(_chart(f"Per {interval_words(groups[0].interval_s)}", bars(groups), groups, names, places=0))
    if journal.peak.get(rule.id):
        inside = journal.inside_over_time(rule.id)
        title = f"On average, per {interval_words(inside.interval_s)}"
        charts.append(_chart(title, areas([inside]), [inside], ["inside"], places=1))
    return charts


def _chart(title: str, chart: Chart, groups: Sequence[Series], names: Sequence[str], *, places: int) -> ChartView:
    first, width = groups[0].first_s, groups[0].interval_s
    table = tuple(
        (words.clock_time(first + i * width), tuple(words.number(series.values[i], places) for series in groups))
        for i in range(len(groups[0].values))
    )
    return ChartView(title, chart, tuple(zip(_TONES, names, strict=False)), table)
