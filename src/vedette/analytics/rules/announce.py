"""Events that are about no single subject, and what rules share that live on the events of others."""

from __future__ import annotations

from typing import Any

from vedette.analytics.rules.base import RuleContext, RuleOptions
from vedette.analytics.schedule import armed
from vedette.model.events import RuleEvent
from vedette.model.labels import MOVER, expand
from vedette.model.time import NS_PER_S, Instant


class Announcer:
    """Makes a rule's events and holds back those that its schedule and cooldown do not allow."""

    def __init__(self, options: RuleOptions, context: RuleContext) -> None:
        self._options = options
        self._context = context
        self._wanted = expand(options.labels) | (frozenset({MOVER}) if options.labels and context.overhead else set())
        self._last_ns: dict[str, int] = {}

    def armed(self, at: Instant) -> bool:
        """Whether the schedule has the rule armed at `at`."""
        return armed(self._options.schedule, at.utc_ns, self._context.zone)

    def wants(self, event: RuleEvent) -> bool:
        """Whether the label and the score of another rule's event are what this rule asks for."""
        return (not self._wanted or event.label in self._wanted) and event.score >= self._options.min_score

    def say(
        self, kind: str, at: Instant, frame: int, known_at: Instant, *, always: bool = False, **more: Any
    ) -> list[RuleEvent]:
        """The event, or nothing where it is not allowed. `always` passes schedule and cooldown."""
        last = self._last_ns.get(kind)
        cooling = last is not None and abs(at.stream_ns - last) < self._options.cooldown_s * NS_PER_S
        if not always and (cooling or not self.armed(at)):
            return []
        self._last_ns[kind] = at.stream_ns
        return [RuleEvent(self._options.id, self._context.rule_hash, kind, at, frame, known_at, **more)]
