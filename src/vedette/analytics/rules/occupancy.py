"""How many are inside now: of a zone that is seen whole, or behind entrances that lines watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from vedette.analytics.rules.announce import Announcer
from vedette.analytics.rules.base import Draft, RuleContext, RuleOptions, SubjectRule
from vedette.analytics.rules.level import Level
from vedette.analytics.rules.zone import Visits, check_zone
from vedette.model.events import Direction, RuleEvent
from vedette.model.geometry import Point
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupancyOptions(RuleOptions):
    """Options of `occupancy`. Give either `zone` or `entrances`.

    zone       three or more corners in 0..1 of the picture
    entrances  id of each `line_crossing` rule at an entrance, and which of its directions leads in
    max        more than this is too many; left out, the rule only counts
    for_s      for so long
    reset_at   time of day, in the rule's time zone, at which nobody is inside (with `entrances`)
    """

    follows_types: ClassVar = frozenset({"line_crossing"})

    zone: tuple[Point, ...] = ()
    entrances: dict[str, Direction] = field(default_factory=dict)
    max: int | None = None
    for_s: float = 0.0
    reset_at: time | None = None

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        if bool(self.zone) == bool(self.entrances):
            raise ValueError("give either zone or entrances (line_crossing rules and which direction leads in)")
        if self.zone:
            check_zone(self.zone)
        if self.max is not None and self.max < 0:
            raise ValueError("max must not be negative")
        if self.for_s < 0.0:
            raise ValueError("for_s must not be negative")
        if self.reset_at is not None and self.zone:
            raise ValueError("reset_at goes with entrances: a zone is seen whole and needs no reset")

    @property
    def follows(self) -> tuple[str, ...]:
        """Ids of the rules it listens to."""
        return tuple(self.entrances)


class ZoneOccupancy(SubjectRule):
    """Counts the subjects inside a zone. One that is not seen stays inside until its track ends."""

    def __init__(self, options: OccupancyOptions, context: RuleContext) -> None:
        super().__init__(options, context)
        self._visits = Visits(options.zone)
        self._level = Level(Announcer(options, context), options.max, options.for_s)
        self._inside: set[int] = set()
        self._entered: dict[int, tuple[Instant, int]] = {}

    def judge(self, now: Observations) -> tuple[Draft, ...]:  # noqa: ARG002 - its events are about no single subject
        """Nothing about single subjects."""
        return ()

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment. A change counts from the moment it happened, also where it became certain later."""
        left: dict[int, tuple[Instant, int]] = {}
        for change in self._visits.update(now, self.anchors(now)):
            (self._entered if change.inside else left)[change.slot] = (change.moment.at, change.moment.frame)
        subjects = now.subjects
        inside = self._visits.table["inside"][subjects.slot] & ~subjects.gone
        present = set(subjects.slot[inside & self.eligible(now)].tolist())
        here = (now.at, now.frame)
        moves = [(*self._entered.pop(slot, here), 1) for slot in present - self._inside]
        moves += [(*left.get(slot, here), -1) for slot in self._inside - present]
        self._inside = present
        for slot in left:
            self._entered.pop(slot, None)
        events: list[RuleEvent] = []
        for at, frame, step in sorted(moves):
            events += self._level.change(self._level.number + step, at, frame, now.at)
        return events + self._level.tick(now.at, now.frame)

    def values(self) -> Mapping[str, object]:
        """`now`, `most` and `per_minute`, see `Level.values`."""
        return self._level.values()


class EntranceOccupancy:
    """Counts those who came in through lines and have not gone out. Never below 0: somebody was missed coming in."""

    def __init__(self, options: OccupancyOptions, context: RuleContext) -> None:
        self._options, self._context = options, context
        self._announcer = Announcer(options, context)
        self._level = Level(self._announcer, options.max, options.for_s)
        self._corrections = 0
        self._reset_day: date | None = None

    @property
    def id(self) -> str:
        """Name of the rule."""
        return self._options.id

    @property
    def follows(self) -> tuple[str, ...]:
        """Ids of the rules it listens to."""
        return self._options.follows

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment."""
        return [*self._reset(now), *self._level.tick(now.at, now.frame)]

    def hear(self, event: RuleEvent) -> list[RuleEvent]:
        """Take in a crossing."""
        inward = self._options.entrances.get(event.rule)
        if inward is None or event.direction is None or not self._announcer.wants(event):
            return []
        number = self._level.number + (1 if event.direction == inward else -1)
        if number < 0:
            return self._correct(0, event.at, event.frame, event.known_at)
        return self._level.change(number, event.at, event.frame, event.known_at)

    def set(self, value: int, at: Instant, frame: int = 0) -> list[RuleEvent]:
        """Somebody has counted: `value` are inside. Raises ValueError when that is negative."""
        if value < 0:
            raise ValueError("the number inside must not be negative")
        return self._correct(value, at, frame, at)

    def _correct(self, number: int, at: Instant, frame: int, known_at: Instant) -> list[RuleEvent]:
        self._corrections += 1
        said = self._announcer.say("corrected", at, frame, known_at, always=True, value=float(number))
        return said + self._level.change(number, at, frame, known_at)

    def _reset(self, now: Observations) -> list[RuleEvent]:
        """Empty the place at the time of day, once per date, also if the clock runs through it twice."""
        if self._options.reset_at is None:
            return []
        local = datetime.fromtimestamp(now.at.utc_ns // NS_PER_S, UTC).astimezone(self._context.zone)
        passed = local.time() >= self._options.reset_at
        day = local.date() if passed else local.date() - timedelta(days=1)
        before, self._reset_day = self._reset_day, max(day, self._reset_day or day)
        if before is None or day <= before or not self._level.number:
            return []
        return self._correct(0, now.at, now.frame, now.at)

    def values(self) -> Mapping[str, object]:
        """`now`, `most`, `per_minute` (see `Level.values`) and `corrections`, how often the number was put right."""
        return {**self._level.values(), "corrections": self._corrections}


def build(options: OccupancyOptions, context: RuleContext) -> ZoneOccupancy | EntranceOccupancy:
    """Make the rule. Its events are `exceeded`, `cleared` and, with entrances, `corrected`."""
    return ZoneOccupancy(options, context) if options.zone else EntranceOccupancy(options, context)


SPEC = Spec("occupancy", OccupancyOptions, build, "how many are inside now, and when that is too many")
