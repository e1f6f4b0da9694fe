"""What every rule about subjects shares: common options, and the way from a finding to an event.

A rule follows each subject from its first detection. What it finds is drafted at once and becomes an event when the
subject may be judged: confirmed, of a label asked for, old and sure enough. So nothing at the start of a track is lost,
and nothing is said of things that never turn out to be real.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, ClassVar, Literal

import numpy as np

from vedette.analytics.schedule import Period, armed
from vedette.model.detections import Bools, Floats
from vedette.model.events import Direction, RuleEvent
from vedette.model.geometry import square
from vedette.model.labels import MOVER, expand
from vedette.model.observations import Observations, Subjects
from vedette.model.spec import STRICT
from vedette.model.time import NS_PER_S, Instant

Anchor = Literal["bottom", "center", "top"]
TRACE_S = 1.0
_KEPT = 8
"""Drafts of one subject that are kept while it may not be judged: who never may must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """Options that every rule has.

    id          name of the rule, unique within its camera
    labels      classes or groups (`vehicle`, `animal`) it is about; empty means all
    min_score   least median score of the track
    min_size, max_size   limits of the object's height as a fraction of the picture's height
    min_age_s   a track younger than this is not judged yet
    schedule    when the rule is armed; empty means always
    severity    how much it matters
    cooldown_s  after an event no other of the same kind for so long
    anchor      point of the box that is judged; by default where the camera's view says
    on_blind    what to do while the camera cannot be analysed
    """

    __pydantic_config__: ClassVar = STRICT

    id: str
    labels: tuple[str, ...] = ()
    min_score: float = 0.0
    min_size: float = 0.0
    max_size: float | None = None
    min_age_s: float = 0.3
    schedule: tuple[Period, ...] = ()
    severity: Literal["info", "alert", "alarm"] = "alert"
    cooldown_s: float = 0.0
    anchor: Anchor | None = None
    on_blind: Literal["silent", "alarm"] = "silent"

    def __post_init__(self) -> None:
        if not self.id.strip():
            raise ValueError("id must not be empty")
        if not 0.0 <= self.min_score <= 1.0:
            raise ValueError("min_score must lie between 0 and 1")
        if self.min_size < 0.0 or (self.max_size is not None and self.max_size <= self.min_size):
            raise ValueError("min_size must not be negative, and max_size must be greater than it")
        if self.min_age_s < 0.0 or self.cooldown_s < 0.0:
            raise ValueError("min_age_s and cooldown_s must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """What a rule is told about the place it works in.

    rule_hash  hash of the rule's definition, carried by its events
    overhead   the camera looks straight down: the anchor is the centre, and a thing of unknown class that moves
               (`mover`) satisfies every label
    zone       time zone of schedules and of times of day
    """

    rule_hash: str = ""
    overhead: bool = False
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding about one subject that is not an event yet.

    any_age    `min_age_s` is waived
    not_before_ns   stream time before which it is kept back
    opens      begins something that a later draft of the same subject ends
    closes     ends it: an event if, and only if, the beginning was one
    """

    slot: int
    kind: str
    at: Instant
    frame: int
    anchor: tuple[float, float]
    box: tuple[float, float, float, float]
    trace: tuple[tuple[float, float, float], ...] = ()
    direction: Direction | None = None
    direction_name: str | None = None
    value: float | None = None
    any_age: bool = False
    not_before_ns: int = 0
    opens: bool = False
    closes: bool = False


class SubjectRule(ABC):
    """A rule about subjects. A subclass says what it finds in a moment; this class says when that is an event."""

    def __init__(self, options: RuleOptions, context: RuleContext) -> None:
        self._common = options
        self._context = context
        self._anchor: Anchor = options.anchor or ("center" if context.overhead else "bottom")
        self._wanted = expand(options.labels)
        self._drafts: list[Draft] = []
        self._opened: set[int] = set()
        self._last_ns: dict[str, int] = {}
        self._wanted_rows: tuple[tuple[str, ...], Bools] = ((), np.zeros(0, np.bool_))

    @property
    def id(self) -> str:
        """Name of the rule."""
        return self._common.id

    @abstractmethod
    def judge(self, now: Observations) -> Iterable[Draft]:
        """What the rule finds in this moment, about subjects whether confirmed or not."""

    def values(self) -> Mapping[str, object]:
        """No figures of its own, unless a subclass has some."""
        return {}

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment."""
        # Collected first: `judge` may take back drafts of moments before.
        found = list(self.judge(now))
        self._drafts.extend(found)
        events = self._release(now) if self._drafts else []
        if self._opened:
            self._opened.difference_update(now.subjects.slot[now.subjects.gone].tolist())
        return events

    # -- for subclasses -------------------------------------------------------------------------------------------

    def anchors(self, now: Observations) -> Floats:
        """(n, 2) judged points of all subjects in 0..1 of the picture."""
        return now.subjects.anchor(self._anchor)

    def anchors_square(self, now: Observations) -> Floats:
        """(n, 2) the same in picture heights."""
        return square(self.anchors(now), now.aspect)

    def eligible(self, now: Observations) -> Bools:
        """(n,) subjects that may be judged at this moment."""
        old_enough = now.at.stream_ns - now.subjects.born_ns >= self._common.min_age_s * NS_PER_S
        return self._eligible_at_any_age(now) & old_enough

    def _eligible_at_any_age(self, now: Observations) -> Bools:
        subjects, options = now.subjects, self._common
        allowed = subjects.confirmed & self.wanted(subjects)
        if options.min_score > 0.0:
            allowed &= subjects.score >= options.min_score
        if options.min_size > 0.0 or options.max_size is not None:
            allowed &= (subjects.height >= options.min_size) & (subjects.height <= (options.max_size or np.inf))
        return allowed

    def wanted(self, subjects: Subjects) -> Bools:
        """(n,) subjects whose label the rule asks for."""
        if not self._wanted:
            return np.ones(len(subjects), np.bool_)
        if self._wanted_rows[0] is not subjects.names:
            mover = self._context.overhead
            self._wanted_rows = (
                subjects.names,
                np.array([name in self._wanted or (mover and name == MOVER) for name in subjects.names], np.bool_),
            )
        return self._wanted_rows[1][subjects.label]

    def draft(self, now: Observations, row: int, kind: str, **more: Any) -> Draft:
        """A finding about the subject in `row`, happening now unless `more` says otherwise."""
        x, y = self.anchors(now)[row].tolist()
        left, top, right, bottom = now.subjects.box[row].tolist()
        slot = int(now.subjects.slot[row])
        base = Draft(slot, kind, now.at, now.frame, (x, y), (left, top, right, bottom))
        return replace(base, trace=self.trace(now, slot), **more) if "trace" not in more else replace(base, **more)

    def trace(self, now: Observations, slot: int) -> tuple[tuple[float, float, float], ...]:
        """The judged point's path over the last second."""
        return now.subjects.trace(slot, self._anchor, TRACE_S)

    def armed(self, at: Instant) -> bool:
        """Whether the schedule has the rule armed at `at`."""
        return armed(self._common.schedule, at.utc_ns, self._context.zone)

    # -- from drafts to events ------------------------------------------------------------------------------------

    def _release(self, now: Observations) -> list[RuleEvent]:
        subjects = now.subjects
        row_of = {slot: row for row, slot in enumerate(subjects.slot.tolist())}
        any_age, of_age = self._eligible_at_any_age(now), self.eligible(now)
        events: list[RuleEvent] = []
        kept: list[Draft] = []
        waiting: set[int] = set()
        for draft in self._drafts:
            row = row_of.get(draft.slot)
            if row is None:
                continue
            if self._due(draft, now, row, any_age if draft.any_age else of_age):
                events.extend(self._publish(draft, now, row))
            elif not subjects.gone[row] and not self._pointless(draft, waiting):
                kept.append(draft)
                waiting.add(draft.slot)
        self._drafts = kept if len(kept) <= _KEPT * len(subjects) else _latest(kept)
        return events

    def _due(self, draft: Draft, now: Observations, row: int, eligible: Bools) -> bool:
        """Whether the draft becomes an event now."""
        if draft.closes:
            return draft.slot in self._opened
        if draft.not_before_ns > now.at.stream_ns and not now.subjects.gone[row]:
            return False
        return bool(eligible[row])

    def _pointless(self, draft: Draft, waiting: set[int]) -> bool:
        return draft.closes and draft.slot not in self._opened and draft.slot not in waiting

    def _allowed(self, draft: Draft) -> bool:
        """Whether schedule and cooldown let the draft become an event; if so, the cooldown starts."""
        last = self._last_ns.get(draft.kind)
        # Events are published in the order in which they become certain, not in which they happened.
        cooling = last is not None and abs(draft.at.stream_ns - last) < self._common.cooldown_s * NS_PER_S
        if cooling or not self.armed(draft.at):
            return False
        self._last_ns[draft.kind] = draft.at.stream_ns
        return True

    def _publish(self, draft: Draft, now: Observations, row: int) -> list[RuleEvent]:
        if draft.closes:
            self._opened.discard(draft.slot)
        elif not self._allowed(draft):
            return []
        if draft.opens:
            self._opened.add(draft.slot)
        subjects = now.subjects
        return [
            RuleEvent(
                rule=self.id,
                rule_hash=self._context.rule_hash,
                kind=draft.kind,
                at=draft.at,
                frame=draft.frame,
                known_at=now.at,
                track=int(subjects.track[row]),
                label=subjects.names[subjects.label[row]] if subjects.names else "",
                score=float(subjects.score[row]),
                direction=draft.direction,
                direction_name=draft.direction_name,
                anchor=draft.anchor,
                box=draft.box,
                trace=draft.trace,
                value=draft.value,
            )
        ]


def _latest(drafts: list[Draft]) -> list[Draft]:
    """The last `_KEPT` drafts of each subject."""
    after: dict[int, int] = {}
    kept: list[Draft] = []
    for draft in reversed(drafts):
        after[draft.slot] = after.get(draft.slot, 0) + 1
        if after[draft.slot] <= _KEPT:
            kept.append(draft)
    return kept[::-1]
