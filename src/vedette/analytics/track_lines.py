"""Tracks to the compact lines that are kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vedette.model.detections import Tracks
from vedette.model.identity import new_id
from vedette.model.observations import Observations
from vedette.model.time import NS_PER_S, Instant
from vedette.model.track_line import TrackLine

CLOSE: Final = 0.0015
"""A point is left out when the straight way between its neighbours passes every edge of its box this closely (0..1)."""
LONGEST_STEP_NS: Final = NS_PER_S
"""Points are at most so far apart where something was seen all the time."""
MOST_POINTS: Final = 4096
"""A longer line is kept in pieces of the same track."""

_Point = tuple[int, tuple[float, float, float, float], float]


@dataclass(slots=True)
class _Growing:
    """A line that is not finished: points that stay, and those after the last of them, of which only some will."""

    track: int
    start_utc_ns: int
    kept: list[_Point] = field(default_factory=list)
    open: list[_Point] = field(default_factory=list)
    label: str = ""
    counts: bool = False
    end_utc_ns: int = 0


class TrackLines:
    """Draws the lines of one camera's subjects as they are seen. Only confirmed ones are kept: no rule saw the others.

    A track that takes up an earlier one goes on with its line.
    """

    def __init__(self, camera: str, make_id: Callable[[int], int] = new_id) -> None:
        self._camera = camera
        self._make_id = make_id
        self._growing: dict[int, _Growing] = {}

    def take(self, now: Observations, tracks: Tracks, run: int) -> list[TrackLine]:
        """Take in one moment; the lines of subjects that ended with it."""
        subjects = now.subjects
        score = dict(zip(tracks.id.tolist(), tracks.score.tolist(), strict=True))
        ended: list[TrackLine] = []
        for row, key in enumerate(subjects.key.tolist()):
            track = int(subjects.track[row])
            line = self._growing.get(key)
            if subjects.gone[row]:
                if line is not None and self._growing.pop(key).counts:
                    ended.append(self._line(line, now, run))
                continue
            if line is None:
                line = self._growing[key] = _Growing(track, now.at.utc_ns)
            line.counts |= bool(subjects.confirmed[row])
            line.label = subjects.names[subjects.label[row]] if subjects.names else ""
            if subjects.seen[row]:
                left, top, right, bottom = subjects.box[row].tolist()
                self._add(line, (now.at.stream_ns, (left, top, right, bottom), score.get(track, 0.0)), now.at)
            if len(line.kept) >= MOST_POINTS:
                ended.append(self._line(line, now, run))
                self._growing[key] = _next_piece(line, now.at)
        return ended

    def _add(self, line: _Growing, point: _Point, at: Instant) -> None:
        line.end_utc_ns = at.utc_ns
        if not line.kept:
            line.kept.append(point)
            return
        if point[0] <= (line.open or line.kept)[-1][0]:
            return
        if line.open and not _straight(line.kept[-1], line.open, point):
            line.kept.append(line.open[-1])
            line.open.clear()
        line.open.append(point)

    def _line(self, line: _Growing, now: Observations, run: int) -> TrackLine:
        points = line.kept + line.open[-1:]
        line.kept, line.open = points, []
        return TrackLine(
            id=self._make_id(line.start_utc_ns),
            camera=self._camera,
            run=run,
            track=line.track,
            label=line.label,
            start_utc_ns=line.start_utc_ns,
            end_utc_ns=line.end_utc_ns,
            aspect=now.aspect,
            at_ns=np.array([point[0] for point in points], np.int64),
            box=np.array([point[1] for point in points], float).reshape(-1, 4),
            score=np.array([point[2] for point in points], float),
            ended_ns=now.at.stream_ns,
        )


def _next_piece(line: _Growing, at: Instant) -> _Growing:
    """What goes on where `line` was cut, from its last point."""
    last = line.kept[-1]
    start_utc_ns = at.utc_ns - (at.stream_ns - last[0])
    return _Growing(line.track, start_utc_ns, [last], [], line.label, line.counts, line.end_utc_ns)


def _straight(first: _Point, between: list[_Point], last: _Point) -> bool:
    """Whether the straight way from `first` to `last` passes closely by all points in between."""
    span = last[0] - first[0]
    if span > LONGEST_STEP_NS:
        return False
    begin, end = first[1], last[1]
    for at_ns, box, _ in between:
        share = (at_ns - first[0]) / span
        if any(abs(a + share * (b - a) - x) > CLOSE for a, b, x in zip(begin, end, box, strict=True)):
            return False
    return True
