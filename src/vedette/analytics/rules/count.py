"""Totals of what line and region rules found: per minute, hour and day, by label and direction.

Nothing in them points to a person, so they may be kept for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import ClassVar, Final

from vedette.analytics.rules.announce import Announcer
from vedette.analytics.rules.base import RuleContext, RuleOptions
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S

PERIODS: Final = ("minute", "hour", "day")
Tally = dict[str, dict[str, int]]
"""Label to direction (or kind of event, where there is no direction) to number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOptions(RuleOptions):
    """Options of `count`.

    of  ids of the `line_crossing` and `region` rules whose events are added up
    """

    follows_types: ClassVar = frozenset({"line_crossing", "region"})

    of: tuple[str, ...]

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        if not self.of:
            raise ValueError("of must name at least one line_crossing or region rule")
        if len(set(self.of)) < len(self.of):
            raise ValueError("of names a rule twice")

    @property
    def follows(self) -> tuple[str, ...]:
        """Ids of the rules it listens to."""
        return self.of


class Count:
    """Adds up events."""

    def __init__(self, options: CountOptions, context: RuleContext) -> None:
        self._options = options
        self._zone = context.zone
        self._announcer = Announcer(options, context)
        self._total: Tally = {}
        self._by_rule: dict[str, Tally] = {rule: {} for rule in options.of}
        self._by_period: dict[str, dict[str, Tally]] = {period: {} for period in PERIODS}

    @property
    def id(self) -> str:
        """Name of the rule."""
        return self._options.id

    @property
    def follows(self) -> tuple[str, ...]:
        """Ids of the rules it listens to."""
        return self._options.of

    def update(self, now: Observations) -> list[RuleEvent]:  # noqa: ARG002 - it lives on events alone
        """Nothing: it says no events of its own."""
        return []

    def hear(self, event: RuleEvent) -> list[RuleEvent]:
        """Add an event up, in the period in which it happened."""
        if event.rule in self._by_rule and self._announcer.wants(event) and self._announcer.armed(event.at):
            sort = event.direction or event.kind
            starts = period_starts(event.at.utc_ns, self._zone)
            periods = [self._by_period[period].setdefault(start, {}) for period, start in starts.items()]
            for tally in (self._total, self._by_rule[event.rule], *periods):
                by_sort = tally.setdefault(event.label, {})
                by_sort[sort] = by_sort.get(sort, 0) + 1
        return []

    def values(self) -> Mapping[str, object]:
        """Totals as plain JSON.

        `total`, `by_label`, `by_rule` and, for each period, a list of `{"start", "total", "by_label"}` in order of
        time; periods without events are left out. `start` is ISO 8601 in the rule's time zone, a date for days.
        """
        return {
            "total": _summed(self._total),
            "by_label": _copied(self._total),
            "by_rule": {rule: _summed(tally) for rule, tally in self._by_rule.items()},
            **{
                f"per_{period}": [
                    {"start": start, "total": _summed(tally), "by_label": _copied(tally)}
                    for start, tally in sorted(self._by_period[period].items(), key=lambda item: _moment(item[0]))
                ]
                for period in PERIODS
            },
        }


def period_starts(utc_ns: int, zone: tzinfo) -> dict[str, str]:
    """Starts of the minute, the hour and the day that hold a moment, in local time.

    An hour that the clocks run through twice counts as two: the offset is part of the start.
    """
    local = datetime.fromtimestamp(utc_ns // NS_PER_S, UTC).astimezone(zone)
    minute = local.replace(second=0, microsecond=0)
    return {
        "minute": minute.isoformat(timespec="minutes"),
        "hour": minute.replace(minute=0).isoformat(timespec="minutes"),
        "day": local.date().isoformat(),
    }


def _moment(start: str) -> tuple[float, str]:
    moment = datetime.fromisoformat(start)
    return (moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp(), start)


def _summed(tally: Tally) -> dict[str, int]:
    sums: dict[str, int] = {}
    for by_sort in tally.values():
        for sort, number in by_sort.items():
            sums[sort] = sums.get(sort, 0) + number
    return sums


def _copied(tally: Tally) -> Tally:
    return {label: dict(by_sort) for label, by_sort in sorted(tally.items())}


def build(options: CountOptions, context: RuleContext) -> Count:
    """Make the rule."""
    return Count(options, context)


SPEC = Spec("count", CountOptions, build, "totals of line and region rules per minute, hour and day")
