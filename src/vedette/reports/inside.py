"""How many are inside zones and behind entrances now, for showing; the rules decide by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vedette.model.events import RuleEvent
from vedette.model.geometry import Polygon
from vedette.model.labels import MOVER, expand
from vedette.model.observations import Subjects
from vedette.reports.rule_view import RuleView


class _Zone:
    """The zone of one rule and the labels it is about."""

    def __init__(self, rule: RuleView) -> None:
        self._zone = Polygon(rule.zone)
        self._anchor = rule.anchor
        self._wanted = expand(rule.labels) | {MOVER} if rule.labels else None

    def inside(self, subjects: Subjects) -> int:
        """Confirmed subjects inside now."""
        inside = self._zone.contains(subjects.anchor(self._anchor)) & subjects.confirmed & ~subjects.gone
        if self._wanted is not None and subjects.names:
            inside &= np.array([name in self._wanted for name in subjects.names], np.bool_)[subjects.label]
        return int(inside.sum())


class Inside:
    """The number inside now, of every rule that has a zone or entrances: `now[rule]`."""

    def __init__(self, rules: Sequence[RuleView]) -> None:
        self._zones = {rule.id: _Zone(rule) for rule in rules if len(rule.zone) >= 3}
        self._entrances = {rule.id: dict(rule.entrances) for rule in rules if rule.entrances}
        self.now = dict.fromkeys((*self._zones, *self._entrances), 0)

    def look(self, subjects: Subjects) -> None:
        """Count who is inside the zones."""
        for rule, zone in self._zones.items():
            self.now[rule] = zone.inside(subjects)

    def hear(self, event: RuleEvent) -> None:
        """Take in a crossing of an entrance. The number never falls below 0."""
        for rule, lines in self._entrances.items():
            if event.direction is not None and event.rule in lines:
                step = 1 if event.direction == lines[event.rule] else -1
                self.now[rule] = max(0, self.now[rule] + step)
