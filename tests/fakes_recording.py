"""A ledger and its recordings in memory. They behave as the database does; nothing in them expects anything."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vedette.model.errors import DatabaseError
from vedette.model.health import Alarm
from vedette.model.recording import Gap, Lock, Run, Segment


def _nothing(name: str) -> None:
    """Nobody listens."""


@dataclass
class MemoryLedger:
    """Implements `Ledger` and `Recordings`. `before` hears the name of every step that writes, before it is done."""

    segments: dict[int, Segment] = field(default_factory=dict)
    condemned: dict[int, Segment] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    gap_rows: dict[int, Gap] = field(default_factory=dict)
    lock_rows: list[Lock] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    before: Callable[[str], None] = _nothing

    def copied(self) -> MemoryLedger:
        """The same rows, apart from these."""
        rows = {name: copy.copy(value) for name, value in vars(self).items() if name != "before"}
        return MemoryLedger(**rows)

    def begin_run(self, run: Run) -> None:
        self.before("begin_run")
        self.runs[run.id] = run

    def end_run(self, run: Run) -> None:
        self.before("end_run")
        self.runs[run.id] = run

    def open_runs(self) -> Sequence[Run]:
        return [run for run in self.runs.values() if run.end_utc_ns is None]

    def commit(self, segment: Segment) -> None:
        self.before("commit")
        if segment.id not in self.condemned:
            self.segments.setdefault(segment.id, segment)

    def known(self, storage: str) -> Iterator[tuple[int, str, int]]:
        for segment in list(self.segments.values()):
            if segment.storage == storage:
                yield segment.id, segment.path, segment.size

    def segment(self, number: int) -> Segment | None:
        return self.segments.get(number)

    def last_end_utc_ns(self, camera: str, stream: str) -> int | None:
        ends = [each.end_utc_ns for each in self.segments.values() if (each.camera, each.stream) == (camera, stream)]
        return max(ends, default=None)

    def condemn(self, segments: Sequence[int]) -> None:
        self.before("condemn")
        doomed = [self.segments[number] for number in segments if number in self.segments]
        for segment in doomed:
            if any(_touches(segment, lock) for lock in self.lock_rows):
                raise DatabaseError(f"segment {segment.id} is locked as evidence")
        for segment in doomed:
            self.condemned[segment.id] = self.segments.pop(segment.id)

    def garbage(self, storage: str) -> Iterator[tuple[int, str]]:
        for segment in list(self.condemned.values()):
            if segment.storage == storage:
                yield segment.id, segment.path

    def forget(self, segments: Sequence[int]) -> None:
        self.before("forget")
        for number in segments:
            self.condemned.pop(number, None)

    def put_gap(self, gap: Gap) -> None:
        self.before("put_gap")
        self.gap_rows[gap.id] = gap

    def open_gaps(self) -> Sequence[Gap]:
        return [gap for gap in self.gap_rows.values() if gap.end_utc_ns is None]

    def raise_alarm(self, alarm: Alarm) -> None:
        self.before("raise_alarm")
        self.alarms.append(alarm)

    def between(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Segment]:
        found = [
            each
            for each in self.segments.values()
            if (each.camera, each.stream) == (camera, stream)
            and each.start_utc_ns < end_utc_ns
            and each.end_utc_ns > start_utc_ns
        ]
        return sorted(found, key=lambda each: each.start_utc_ns)

    def gaps(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Gap]:
        found = [
            gap
            for gap in self.gap_rows.values()
            if (gap.camera, gap.stream) == (camera, stream)
            and gap.start_utc_ns < end_utc_ns
            and (gap.end_utc_ns is None or gap.end_utc_ns > start_utc_ns)
        ]
        return sorted(found, key=lambda gap: gap.start_utc_ns)

    def locks(self, camera: str | None = None) -> Sequence[Lock]:
        return [lock for lock in self.lock_rows if camera in {None, lock.camera}]


def _touches(segment: Segment, lock: Lock) -> bool:
    return (
        segment.camera == lock.camera
        and segment.start_utc_ns < lock.end_utc_ns
        and segment.end_utc_ns > lock.start_utc_ns
    )
