"""What the report remembers while a video runs by. Memory is bounded by rows, bytes and bins, not by the video."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vedette.model.events import RuleEvent
from vedette.model.labels import group_of
from vedette.model.step import Step
from vedette.reports.inside import Inside
from vedette.reports.pictures import FrameRing, SceneKeeper, thumbnail
from vedette.reports.rule_view import RuleView
from vedette.reports.timeline import Series, Timeline

MOST_ROWS: Final = 240
"""Events that the report shows; events.jsonl has all."""
_MOST_THUMB_BYTES: Final = 1_300_000
_LONGEST_STEP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the table; `picture` is a small JPEG, or nothing."""

    event: RuleEvent
    picture: bytes = b""


class Journal:
    """Takes every step; answers what the report shows."""

    def __init__(self, rules: Sequence[RuleView]) -> None:
        self._share = max(12, MOST_ROWS // max(1, len(rules)))
        self._rows: dict[str, deque[Row]] = {rule.id: deque() for rule in rules}
        self._thumb_bytes = 0
        self._ring, self._scene = FrameRing(), SceneKeeper()
        self._timeline = Timeline()
        self._inside = Inside(rules)
        self._last_frame = -1
        self.peak = dict(self._inside.now)
        self.sorts: dict[str, dict[str, int]] = {rule.id: {} for rule in rules}
        self.events = 0
        self.start_s: float | None = None
        self.end_s = 0.0
        self.start_utc_ns = 0

    @property
    def inside(self) -> Mapping[str, int]:
        """How many are inside at the end, by rule id."""
        return self._inside.now

    @property
    def scene(self) -> SceneKeeper:
        """The empty scene, as far as it is known."""
        return self._scene

    def take(self, step: Step) -> None:
        """Take in one analysed frame; a step that repeats the frame before (the end of a run) adds only its events."""
        now_s = step.frame.at.stream_s
        if self.start_s is None:
            self.start_s, self.end_s, self.start_utc_ns = now_s, now_s, step.frame.at.utc_ns
        if step.frame.index != self._last_frame:
            self._last_frame = step.frame.index
            self._scene.take(step.frame)
            if len(step.tracks):
                self._ring.take(step.frame)
            self._measure(step, min(max(now_s - self.end_s, 0.0), _LONGEST_STEP_S))
            self.end_s = max(self.end_s, now_s)
        for event in step.events:
            self._inside.hear(event)
            self._remember(event)

    def _measure(self, step: Step, dt: float) -> None:
        subjects, now_s = step.now.subjects, step.frame.at.stream_s
        self._inside.look(subjects)
        for rule, inside in self._inside.now.items():
            self.peak[rule] = max(self.peak[rule], inside)
            self._timeline.add(("inside", rule), now_s, inside * dt)
        self._timeline.add("watched", now_s, dt)
        here = np.flatnonzero(subjects.confirmed & ~subjects.gone)
        if not subjects.names:
            return
        for label, number in zip(*np.unique(subjects.label[here], return_counts=True), strict=True):
            self._timeline.add(("present", group_of(subjects.names[int(label)])), now_s, int(number) * dt)

    def _remember(self, event: RuleEvent) -> None:
        rows = self._rows.get(event.rule)
        if rows is None:
            return
        self.events += 1
        sort, sorts = event.direction or event.kind, self.sorts[event.rule]
        sorts[sort] = sorts.get(sort, 0) + 1
        self._timeline.add(("events", event.rule, sort), event.at.stream_s)
        picture = self._ring.nearest(event.at.stream_ns)
        rows.append(Row(event, b"" if picture is None else thumbnail(event, picture)))
        self._thumb_bytes += len(rows[-1].picture)
        if len(rows) > self._share:
            self._thumb_bytes -= len(rows.popleft().picture)
        while self._thumb_bytes > _MOST_THUMB_BYTES:
            longest = max(self._rows.values(), key=len)
            self._thumb_bytes -= len(longest.popleft().picture)

    def rows(self) -> list[Row]:
        """The rows kept, by the time of their happening: of each rule the newest."""
        return sorted((row for rows in self._rows.values() for row in rows), key=lambda row: row.event.at.stream_ns)

    def events_over_time(self, rule: str, sort: str) -> Series:
        """Events of `rule` that went in direction `sort`, or are of kind `sort`."""
        return self._series(("events", rule, sort))

    def present_over_time(self, group: str) -> Series:
        """Average number of subjects of `group` (`person`, `vehicle`, ...) in view."""
        return self._averaged(("present", group))

    def inside_over_time(self, rule: str) -> Series:
        """Average number of subjects inside the zone of `rule`."""
        return self._averaged(("inside", rule))

    def _averaged(self, key: tuple[str, str]) -> Series:
        amounts, watched = self._series(key), self._series("watched")
        means = (a / w if w > 0.0 else 0.0 for a, w in zip(amounts.values, watched.values, strict=True))
        return Series(amounts.first_s, amounts.interval_s, tuple(means))

    def _series(self, key: object) -> Series:
        return self._timeline.series(key, self.start_s or 0.0, self.end_s + 1e-3)
