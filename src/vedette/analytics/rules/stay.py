"""Staying in a zone: the clock that `intrusion` and `loitering` share.

The clock runs while a subject is inside, by capture time between detections; a time not seen counts as spent where the
subject was seen last, within limits. The finding lies at the very moment the clock reached the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from vedette.analytics.rules.base import Draft, RuleContext, RuleOptions, SubjectRule
from vedette.analytics.rules.zone import Change, Moment, Visits
from vedette.analytics.slots import SlotTable
from vedette.model.detections import Ints
from vedette.model.geometry import Point
from vedette.model.observations import Observations
from vedette.model.time import NS_PER_S

Reset = Literal["exit", "grace", "cumulative"]


class StayRule(SubjectRule):
    """Fires once per stay of `dwell_s`, and says when a stay that fired is over.

    reset   what starts the clock anew: `exit` leaving the zone, `grace` leaving it for more than `grace_s`,
            `cumulative` nothing until it has fired and the subject has left for more than `grace_s`
    """

    def __init__(
        self,
        options: RuleOptions,
        context: RuleContext,
        *,
        zone: tuple[Point, ...],
        kind: str,
        dwell_s: float,
        grace_s: float,
        reset: Reset,
        overlap: float | None = None,
    ) -> None:
        super().__init__(options, context)
        self._kind, self._reset = kind, reset
        self._dwell_ns, self._grace_ns = round(dwell_s * NS_PER_S), round(grace_s * NS_PER_S)
        self._visits = Visits(zone, overlap)
        self._left: dict[int, Moment] = {}
        self._table = SlotTable(
            {
                "since_ns": np.int64(0),  # start of the visit, moved on by what does not count
                "since_frame": np.int64(0),
                "earlier_ns": np.int64(0),  # clock at the start of the visit
                "fired": np.bool_(False),
            }
        )

    def judge(self, now: Observations) -> Iterator[Draft]:
        """Stays that reached the limit, and stays that fired and are over."""
        subjects, table = now.subjects, self._table
        table.reach(subjects.slot)
        for slot, excess_ns in self._visits.gaps(now).items():
            table["since_ns"][slot] += excess_ns
        for change in self._visits.update(now, self.anchors(now), lambda slot: self.trace(now, slot)):
            yield from self._enter(change) if change.inside else self._leave(change)
        state = self._visits.table
        here = np.flatnonzero(subjects.seen & state["inside"][subjects.slot])
        slots = subjects.slot[here]
        running = state["raw"][slots] & ~table["fired"][slots]
        clock = table["earlier_ns"][slots] + now.at.stream_ns - table["since_ns"][slots]
        for index in np.flatnonzero(running & (clock >= self._dwell_ns)).tolist():
            yield self._fire(int(slots[index]), self.draft(now, int(here[index]), self._kind))
        yield from self._grace(now)
        self._forget(subjects.slot[subjects.gone])

    def _enter(self, change: Change) -> Iterable[Draft]:
        slot, table, at_ns = change.slot, self._table, change.moment.at.stream_ns
        left = self._left.pop(slot, None)
        over: Iterable[Draft] = ()
        if left is not None and (self._reset == "exit" or at_ns - left.at.stream_ns > self._grace_ns):
            over = self._over(slot, left)
        table["since_ns"][slot], table["since_frame"][slot] = at_ns, change.moment.frame
        if self._dwell_ns == 0 and not table["fired"][slot]:
            return (*over, self._fire(slot, change.moment.draft(slot, self._kind)))
        return over

    def _leave(self, change: Change) -> Iterator[Draft]:
        slot, table = change.slot, self._table
        clock = int(table["earlier_ns"][slot] + change.moment.at.stream_ns - table["since_ns"][slot])
        if clock >= self._dwell_ns and not table["fired"][slot]:
            yield self._fire(slot, change.moment.draft(slot, self._kind))
        table["earlier_ns"][slot] = clock
        if change.how == "ended" or self._reset == "exit":
            yield from self._over(slot, change.moment)
        else:
            self._left[slot] = change.moment

    def _fire(self, slot: int, draft: Draft) -> Draft:
        """The finding at the moment the clock reached the limit, between the start of the visit and `draft`."""
        table = self._table
        table["fired"][slot] = True
        since_ns, frame = int(table["since_ns"][slot]), int(table["since_frame"][slot])
        reached_ns = since_ns + max(0, self._dwell_ns - int(table["earlier_ns"][slot]))
        whole = draft.at.stream_ns - since_ns
        part = min(1.0, (reached_ns - since_ns) / whole) if whole > 0 else 1.0
        at = draft.at.shifted(min(0, reached_ns - draft.at.stream_ns))
        return Draft(
            slot=slot,
            kind=self._kind,
            at=at,
            frame=frame + round(part * (draft.frame - frame)),
            anchor=draft.anchor,
            box=draft.box,
            trace=tuple(point for point in draft.trace if point[0] <= at.stream_s),
            value=self._dwell_ns / NS_PER_S,
            opens=True,
        )

    def _grace(self, now: Observations) -> Iterator[Draft]:
        """Those who have been away for long enough; a return that is not certain yet is waited for."""
        for slot, left in list(self._left.items()):
            back_ns = self._visits.turn_at_ns(slot)
            if (back_ns if back_ns is not None else now.at.stream_ns) - left.at.stream_ns > self._grace_ns:
                if self._reset == "cumulative" and not self._table["fired"][slot]:
                    continue
                del self._left[slot]
                yield from self._over(slot, left)

    def _over(self, slot: int, left: Moment) -> Iterable[Draft]:
        table = self._table
        fired = bool(table["fired"][slot])
        if self._reset != "cumulative" or fired:
            table["earlier_ns"][slot] = 0
        table["fired"][slot] = False
        return (left.draft(slot, "cleared", closes=True),) if fired else ()

    def _forget(self, slots: Ints) -> None:
        self._table.reset(slots)
        for slot in slots.tolist():
            self._left.pop(slot, None)
