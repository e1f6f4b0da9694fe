"""Rules over stored tracks: what a rule would have counted.

The lines are followed through time as the live camera's tracks were: at the moments at which anything was seen, and in
between often enough for rules that wait. Nothing else is known of the past, so rules about pixels (`tamper`) say
nothing, and `frame` of every event is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Protocol

import numpy as np

from vedette.analytics.scene import Scene, SceneOptions
from vedette.model.detections import Tracks, TrackState
from vedette.model.events import RuleEvent
from vedette.model.labels import COCO, MOVER
from vedette.model.observations import Observations, Subjects
from vedette.model.time import NS_PER_S, Instant
from vedette.model.track_line import TrackLine

STEP_NS: Final = NS_PER_S // 8
"""Between two moments while anything is followed."""
SLOW_STEP_NS: Final = 60 * NS_PER_S
"""The same while nothing is: schedules and times of day still pass."""
SEEN_BETWEEN_NS: Final = 2_600_000_000
"""Between two points at most so far apart a thing was there all the time; the detector looks at what stands still every
two seconds."""


class Rules(Protocol):
    """The rules of one camera as one."""

    def update(self, now: Observations) -> list[RuleEvent]:
        """Events that this moment brings."""
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """An event that a rule would have brought, with the run in whose stream time it lies."""

    run: int
    event: RuleEvent


def replay(
    lines: Iterable[TrackLine],
    rules: Rules,
    scene: SceneOptions | None = None,
    *,
    names: tuple[str, ...] = (*COCO, MOVER),
    progress: Callable[[int], None] | None = None,
) -> Iterator[Replayed]:
    """Events of `rules` over the tracks of one camera.

    lines     in order of their start, those of a run together, as cameras write them; few are held at a time
    scene     the options with which the camera gathers positions
    names     class names that the lines may have. Raises ValueError when a line has another
    progress  told the wall clock time reached, in nanoseconds since 1970

    The same lines give the same events. Times are those of each run; `rules` see time that never goes back.
    """
    past = _Past(rules, scene, names, progress)
    for run, group in groupby(lines, key=lambda line: line.run):
        yield from past.through(run, group)


class _Past:
    """One run after the other, on one time that goes on."""

    def __init__(
        self, rules: Rules, scene: SceneOptions | None, names: tuple[str, ...], progress: Callable[[int], None] | None
    ) -> None:
        self._rules, self._options, self._progress = rules, scene, progress
        self._names = names
        self._labels = {name: number for number, name in enumerate(names)}
        self._now: Instant | None = None
        self._shift_ns = 0

    def through(self, run: int, lines: Iterable[TrackLine]) -> Iterator[Replayed]:
        """The events of one run."""
        waiting = iter(lines)
        upcoming = next(waiting, None)
        if upcoming is None:
            return
        yield from self._pause(_start(upcoming), run)
        scene = Scene(upcoming.aspect, self._options)
        walkers: dict[int, _Walker] = {}
        at = _start(upcoming)
        while upcoming is not None or walkers:
            while upcoming is not None and upcoming.at_ns[0] <= at.stream_ns:
                self._join(walkers, upcoming)
                at = Instant(at.stream_ns, _start(upcoming).utc_ns + at.stream_ns - _start(upcoming).stream_ns)
                upcoming = next(waiting, None)
            ended = [track for track, walker in walkers.items() if walker.over(at.stream_ns)]
            for track in ended:
                del walkers[track]
            yield from self._moment(scene, self._tracks(walkers, ended, at), at, run)
            at = at.shifted(_next_ns(at.stream_ns, walkers, upcoming) - at.stream_ns)

    def _join(self, walkers: dict[int, _Walker], line: TrackLine) -> None:
        """Follow `line` too. A long track comes in pieces that begin where the one before ended."""
        if line.label not in self._labels:
            raise ValueError(f"a track is called '{line.label}', which is no class of the detector")
        before = walkers.get(line.track)
        if before is None:
            walkers[line.track] = _Walker(line, born_ns=int(line.at_ns[0]))
        else:
            before.go_on(line)

    def _pause(self, start: Instant, run: int) -> Iterator[Replayed]:
        """The time between two runs, in which nobody is seen."""
        if self._now is None:
            self._shift_ns = 0
            return
        now = self._now
        pause_ns = max(start.utc_ns - now.utc_ns, NS_PER_S)
        self._shift_ns = now.stream_ns + pause_ns - start.stream_ns
        for waited_ns in range(SLOW_STEP_NS, pause_ns, SLOW_STEP_NS):
            yield from self._tell(Observations(now.shifted(waited_ns), 0, 1.0, Subjects.none(self._names)), run)

    def _moment(self, scene: Scene, tracks: Tracks, at: Instant, run: int) -> Iterator[Replayed]:
        self._now = Instant(at.stream_ns + self._shift_ns, at.utc_ns)
        yield from self._tell(scene.observe(tracks, self._now, 0), run)
        if self._progress:
            self._progress(at.utc_ns)

    def _tell(self, now: Observations, run: int) -> Iterator[Replayed]:
        for event in self._rules.update(now):
            yield Replayed(run, in_stream_time(event, -self._shift_ns))

    def _tracks(self, walkers: dict[int, _Walker], ended: list[int], at: Instant) -> Tracks:
        seen, box, score = zip(*(walker.at(at.stream_ns) for walker in walkers.values()), strict=True) if walkers else (
            (), (), ())  # fmt: skip
        fresh = np.array([walker.born_ns == at.stream_ns for walker in walkers.values()], np.bool_)
        there = np.array(seen, np.bool_)
        state = np.where(fresh, TrackState.TENTATIVE, np.where(there, TrackState.CONFIRMED, TrackState.LOST))
        return Tracks(
            id=np.array(list(walkers), np.int64),
            box=np.array(box, float).reshape(-1, 4),
            score=np.array(score, float),
            label=np.array([self._labels[walker.line.label] for walker in walkers.values()], np.int64),
            state=state.astype(np.int64),
            seen=there,
            born_ns=np.array([walker.born_ns + self._shift_ns for walker in walkers.values()], np.int64),
            continues=np.zeros(len(walkers), np.int64),
            ended=np.array(ended, np.int64),
            names=self._names,
        )


@dataclass(slots=True)
class _Walker:
    """A line that is followed, and the last of its points that has been passed."""

    line: TrackLine
    born_ns: int
    row: int = 0

    def go_on(self, piece: TrackLine) -> None:
        """Follow the next piece of the same track."""
        self.line, self.row = piece, 0

    def over(self, now_ns: int) -> bool:
        """Whether the tracker has given it up. Its last point is shown before, also where both are one moment."""
        return self.line.ended_ns <= now_ns and self.line.at_ns[-1] < now_ns

    def at(self, now_ns: int) -> tuple[bool, list[float], float]:
        """Whether it was seen at `now_ns`, its box there, and the score at the point before."""
        times, boxes = self.line.at_ns, self.line.box
        while self.row + 1 < len(times) and times[self.row + 1] <= now_ns:
            self.row += 1
        since = int(now_ns - times[self.row])
        score, here = float(self.line.score[self.row]), boxes[self.row]
        if since <= 0 or self.row + 1 == len(times):
            return since <= 0, here.tolist(), score
        span = int(times[self.row + 1] - times[self.row])
        if span > SEEN_BETWEEN_NS:
            return False, here.tolist(), score
        return True, (here + since / span * (boxes[self.row + 1] - here)).tolist(), score


def in_stream_time(event: RuleEvent, shift_ns: int) -> RuleEvent:
    """`event` with `shift_ns` added to its stream times, the wall clock left as it is."""
    if not shift_ns:
        return event
    return replace(
        event,
        at=Instant(event.at.stream_ns + shift_ns, event.at.utc_ns),
        known_at=Instant(event.known_at.stream_ns + shift_ns, event.known_at.utc_ns),
        trace=tuple((t_s + shift_ns / NS_PER_S, x, y) for t_s, x, y in event.trace),
    )


def _start(line: TrackLine) -> Instant:
    return Instant(int(line.at_ns[0]), line.start_utc_ns)


def _next_ns(now_ns: int, walkers: dict[int, _Walker], upcoming: TrackLine | None) -> int:
    """The next moment worth looking at."""
    soonest = [now_ns + (STEP_NS if walkers else SLOW_STEP_NS)]
    if upcoming is not None:
        soonest.append(int(upcoming.at_ns[0]))
    for walker in walkers.values():
        later = walker.line.at_ns[walker.row + 1 : walker.row + 2]
        soonest.append(int(later[0]) if len(later) else walker.line.ended_ns)
    return max(min(soonest), now_ns + 1)
