"""Drawn objects: paths in continuous time, seen at any frame rate, fed through a Scene into rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vedette.analytics.rules import (
    count,
    dwell,
    heat_map,
    intrusion,
    line_crossing,
    loitering,
    occupancy,
    region,
    tamper,
)
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene
from vedette.model.detections import Tracks
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.ports import Rule
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S, Instant

FPS = (3, 5, 10, 25)
SPECS: dict[str, Spec] = {
    module.SPEC.name: module.SPEC
    for module in (count, dwell, heat_map, intrusion, line_crossing, loitering, occupancy, region, tamper)
}
ZONE = ((0.4, 0.2), (0.7, 0.2), (0.7, 0.9), (0.4, 0.9))
LINE = ((0.5, 0.0), (0.5, 1.0))
NAMES = ("person", "car", "mover")
MEMORY_S = 3.0
Path = Callable[[float], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object whose foot is at `path(t)` from `start` to `end`; `unseen(t)` says when nothing detects it.

    With id below 1 it has no identity. `flickers` maps the number of one of its detections to a wrong place.
    """

    path: Path
    end: float
    start: float = 0.0
    id: int = 7
    label: str = "person"
    score: float = 0.8
    height: float = 0.2
    width: float = 0.1
    unseen: Callable[[float], bool] = lambda t: False  # noqa: ARG005
    flickers: dict[float, tuple[float, float]] = field(default_factory=dict)
    continues: int = 0
    clipped: bool = True

    def seen(self, t: float) -> bool:
        return self.start - 1e-9 <= t <= self.end + 1e-9 and not self.unseen(t)

    def box(self, t: float, fps: float) -> list[float]:
        x, y = self.path(t)
        for moment, place in self.flickers.items():
            if 0.0 <= t - moment < 1.0 / fps - 1e-9:
                x, y = place
        corners = [x - self.width / 2, y - self.height, x + self.width / 2, y]
        return np.clip(corners, 0.0, 1.0).tolist() if self.clipped else corners


def along(*stops: tuple[float, float, float]) -> Path:
    """A path through (t, x, y), straight and even in between, standing before and after."""
    times, xs, ys = (np.array(column) for column in zip(*stops, strict=True))
    return lambda t: (float(np.interp(t, times, xs)), float(np.interp(t, times, ys)))


def still(x: float, y: float) -> Path:
    return lambda t: (x, y)  # noqa: ARG005


@dataclass
class _Followed:
    thing: Thing
    born_ns: int
    last: float = 0.0
    hits: int = 0
    box: list[float] = field(default_factory=list)


def _tracks(rows: list[_Followed], t: float, ended: list[int]) -> Tracks:
    return Tracks(
        id=np.array([one.thing.id for one in rows], np.int64),
        box=np.array([one.box for one in rows], float).reshape(-1, 4),
        score=np.array([one.thing.score for one in rows], float),
        label=np.array([NAMES.index(one.thing.label) for one in rows], np.int64),
        state=np.array([min(1, one.hits - 1) for one in rows], np.int64),
        seen=np.array([one.thing.seen(t) for one in rows], np.bool_),
        born_ns=np.array([one.born_ns for one in rows], np.int64),
        continues=np.array([one.thing.continues for one in rows], np.int64),
        ended=np.array(ended, np.int64),
        names=NAMES,
    )


@dataclass
class Film:
    """Frames of things: `tracks()` yields what a perfect tracker with a lost memory would say, then the ending."""

    things: Sequence[Thing]
    fps: float
    phase: float = 0.0
    skip: Callable[[int], bool] = lambda index: False  # noqa: ARG005
    utc_step: Callable[[float], float] = lambda t: 0.0  # noqa: ARG005
    start_utc_s: float = 1_000_000.0
    copies: int = 1
    warp: Callable[[float], float] = lambda t: t

    def times(self) -> list[tuple[int, float]]:
        last = max(thing.end for thing in self.things) + MEMORY_S + 1.0
        count = math.floor((last - self.phase) * self.fps) + 1
        return [(i, self.warp(self.phase + i / self.fps)) for i in range(count) if not self.skip(i)]

    def instant(self, t: float) -> Instant:
        return Instant(round(t * NS_PER_S), round((self.start_utc_s + t + self.utc_step(t)) * NS_PER_S))

    def tracks(self) -> Iterable[tuple[Tracks, Instant, int]]:
        followed: dict[int, _Followed] = {}
        index, t = 0, 0.0
        for index, t in self.times():
            at = self.instant(t)
            for thing in self.things:
                if thing.seen(t):
                    one = followed.setdefault(thing.id, _Followed(thing, at.stream_ns))
                    one.last, one.box, one.hits = t, thing.box(t, self.fps), one.hits + 1
            taken_up = {one.thing.continues for one in followed.values()}
            ended = [i for i, one in followed.items() if t - one.last > MEMORY_S or i in taken_up]
            for i in ended:
                del followed[i]
            yield _tracks(list(followed.values()), t, ended), at, index
            for _ in range(self.copies - 1):
                yield _tracks(list(followed.values()), t, []), at, index
        yield Tracks(ended=np.array(list(followed), np.int64), names=NAMES), self.instant(t), index

    def moments(self, aspect: float = 1.0) -> Iterable[Observations]:
        scene = Scene(aspect)
        for tracks, at, index in self.tracks():
            yield scene.observe(tracks, at, index)


def rule(kind: str, context: RuleContext | None = None, **options: Any) -> Any:  # noqa: ANN401 - each its own
    """A rule of type `kind`, over ZONE or LINE unless `options` say otherwise, its id its type."""
    names = SPECS[kind].options.__dataclass_fields__
    common: dict[str, Any] = {"id": kind}
    if "line" in names:
        common["line"] = LINE
    if "zone" in names and "entrances" not in options:
        common["zone"] = ZONE
    if "of" in names:
        common["of"] = ("line_crossing", "region")
    made = SPECS[kind].options(**{**common, **options})
    return SPECS[kind].build(made, context or RuleContext(rule_hash="abc"))


def events(
    rules: Rule | Sequence[Rule], *things: Thing, fps: float, aspect: float = 1.0, **film: Any
) -> list[RuleEvent]:
    """What `rules` (one or several) say of `things` seen at `fps`."""
    found: list[RuleEvent] = []
    ruleset = RuleSet(rules if isinstance(rules, Sequence) else [rules])
    for now in Film(things, fps, **film).moments(aspect):
        found.extend(ruleset.update(now))
    return found


def told(found: Iterable[RuleEvent]) -> list[tuple[str, float]]:
    """Direction or kind, and stream seconds, of each event."""
    return [(event.direction or event.kind, event.at.stream_s) for event in found]


def kinds(found: Iterable[RuleEvent]) -> list[str]:
    return [event.direction or event.kind for event in found]
