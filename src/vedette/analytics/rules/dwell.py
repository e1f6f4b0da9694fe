"""How long visits of a zone last: their distribution, kept in bins so that it takes the same room for ever."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vedette.analytics.rules.base import Draft, RuleContext, SubjectRule
from vedette.analytics.rules.zone import Change, Visits, ZoneOptions
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
EDGES_S: Final = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
_FINE_S: Final = np.concatenate([[0.0], np.geomspace(0.05, 86400.0, 721), [math.inf]])
"""Bins of 2 % width from 0.05 s to a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellOptions(ZoneOptions):
    """Options of `dwell`.

    zone     three or more corners in 0..1 of the picture
    grace_s  leaving for no longer than this does not end a visit, but the time away does not count
    """

    grace_s: float = 1.0

    def __post_init__(self) -> None:
        ZoneOptions.__post_init__(self)
        if self.grace_s < 0.0:
            raise ValueError("grace_s must not be negative")


class Durations:
    """A distribution of durations in fixed bins; quantiles are exact to the bin's 2 %."""

    def __init__(self) -> None:
        self._bins = np.zeros(len(_FINE_S) - 1, np.int64)
        self._coarse = np.zeros(len(EDGES_S), np.int64)
        self._sum = 0.0
        self._least, self._most = math.inf, 0.0

    def add(self, seconds: float) -> None:
        """Take in one duration."""
        self._bins[int(np.searchsorted(_FINE_S, seconds, side="right")) - 1] += 1
        self._coarse[int(np.searchsorted(EDGES_S, seconds, side="right")) - 1] += 1
        self._sum += seconds
        self._least, self._most = min(self._least, seconds), max(self._most, seconds)

    def quantile(self, share: float) -> float:
        """The duration in seconds that `share` (0..1) of all do not exceed."""
        total = self._bins.cumsum()
        rank = share * int(total[-1])
        index = int(np.searchsorted(total, rank, side="left"))
        low, high = max(float(_FINE_S[index]), self._least), min(float(_FINE_S[index + 1]), self._most)
        before = int(total[index]) - int(self._bins[index])
        part = (rank - before) / max(1, int(self._bins[index]))
        return low + min(1.0, max(0.0, part)) * max(0.0, high - low)

    def to_json(self) -> dict[str, object]:
        """`n`, `mean_s`, `min_s`, `max_s`, `quantiles` by share, and `histogram` with open end (`to_s` null)."""
        n = int(self._bins.sum())
        upper: Iterable[int | None] = (*EDGES_S[1:], None)
        histogram = [
            {"from_s": low, "to_s": high, "n": int(count)}
            for low, high, count in zip(EDGES_S, upper, self._coarse, strict=True)
        ]
        while histogram and not histogram[-1]["n"]:
            histogram.pop()
        return {
            "n": n,
            "mean_s": round(self._sum / n, 3) if n else None,
            "min_s": round(self._least, 3) if n else None,
            "max_s": round(self._most, 3) if n else None,
            "quantiles": {str(share): round(self.quantile(share), 3) for share in QUANTILES} if n else {},
            "histogram": histogram,
        }


@dataclass(slots=True)
class _Visit:
    """One subject's visit so far: time inside before the present stay, its start, and when it was left."""

    since_ns: int
    whole: bool
    earlier_ns: int = 0
    left_ns: int | None = None
    draft: Draft | None = None


class Dwell(SubjectRule):
    """Adds up visits. It says no events."""

    def __init__(self, options: DwellOptions, context: RuleContext) -> None:
        super().__init__(options, context)
        self._grace_ns = round(options.grace_s * NS_PER_S)
        self._visits = Visits(options.zone)
        self._open: dict[int, _Visit] = {}
        self._durations = Durations()
        self._cut = 0

    def judge(self, now: Observations) -> list[Draft]:
        """Visits that are over."""
        found: list[Draft] = []
        for slot, excess_ns in self._visits.gaps(now).items():
            self._open[slot].since_ns += excess_ns
        for change in self._visits.update(now, self.anchors(now)):
            if change.inside:
                found.extend(self._enter(change))
            else:
                self._leave(change)
                found.extend(self._close(change.slot) if change.how == "ended" else ())
        for slot in [slot for slot, visit in self._open.items() if visit.left_ns is not None]:
            back_ns = self._visits.turn_at_ns(slot)
            if self._away_ns(slot, back_ns if back_ns is not None else now.at.stream_ns) > self._grace_ns:
                found.extend(self._close(slot))
        for slot in now.subjects.slot[now.subjects.gone].tolist():
            found.extend(self._close(slot))
        return found

    def _away_ns(self, slot: int, at_ns: int) -> int:
        left_ns = self._open[slot].left_ns
        return at_ns - left_ns if left_ns is not None else 0

    def _enter(self, change: Change) -> list[Draft]:
        slot, at_ns = change.slot, change.moment.at.stream_ns
        found: list[Draft] = []
        if slot in self._open and self._away_ns(slot, at_ns) > self._grace_ns:
            found = self._close(slot)
        visit = self._open.setdefault(slot, _Visit(at_ns, change.how == "crossed"))
        visit.since_ns, visit.left_ns = at_ns, None
        return found

    def _leave(self, change: Change) -> None:
        visit, at_ns = self._open.get(change.slot), change.moment.at.stream_ns
        if visit is None:
            return
        visit.earlier_ns += max(0, at_ns - visit.since_ns)
        visit.left_ns = at_ns
        visit.whole &= change.how == "crossed"
        seconds = visit.earlier_ns / NS_PER_S
        kind = "whole" if visit.whole else "cut"
        visit.draft = replace(change.moment.draft(change.slot, kind), value=seconds)

    def _close(self, slot: int) -> list[Draft]:
        visit = self._open.pop(slot, None)
        return [visit.draft] if visit is not None and visit.draft is not None else []

    def _allowed(self, draft: Draft) -> bool:
        """Visits have no cooldown, only the schedule counts."""
        return self.armed(draft.at)

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment; there are no events."""
        for visit in super().update(now):
            self._durations.add(visit.value or 0.0)
            self._cut += visit.kind == "cut"
        return []

    def values(self) -> Mapping[str, object]:
        """The distribution as plain JSON.

        Beside what `Durations.to_json` says: `cut`, how many of the `n` visits began or ended out of sight, so that
        they lasted at least as long as was seen, and `now`, how many are inside.
        """
        inside = sum(visit.left_ns is None for visit in self._open.values())
        return {**self._durations.to_json(), "cut": self._cut, "now": inside}


def build(options: DwellOptions, context: RuleContext) -> Dwell:
    """Make the rule."""
    return Dwell(options, context)


SPEC = Spec("dwell", DwellOptions, build, "how long visits of a zone last")
