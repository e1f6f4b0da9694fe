"""Who is inside a zone now, for showing; the rules decide by themselves."""

from __future__ import annotations

import numpy as np

from vedette.model.geometry import Polygon
from vedette.model.labels import MOVER, expand
from vedette.model.observations import Subjects
from vedette.reports.rule_view import RuleView


class ZoneCounter:
    """How many subjects that a rule is about are inside its zone."""

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
