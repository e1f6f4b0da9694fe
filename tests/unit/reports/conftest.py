"""A small drawn scene: people as rectangles that walk to the right, one a second, over a line in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from vedette.model.detections import Detections, Tracks, TrackState
from vedette.model.events import RuleEvent
from vedette.model.media import Frame, StreamInfo
from vedette.model.observations import Observations, Subjects
from vedette.model.ports import Sight
from vedette.model.step import Step
from vedette.model.time import NS_PER_S, Instant
from vedette.reports.rule_view import RuleView

WIDTH, HEIGHT, FPS = 320, 180, 10
NAMES = ("person", "car", "umbrella stand")
EPOCH_NS = 1_790_000_000 * NS_PER_S

Scene = Callable[..., Iterator[Step]]


def instant(frame: int) -> Instant:
    """When frame number `frame` was captured."""
    at_ns = frame * NS_PER_S // FPS
    return Instant(at_ns, EPOCH_NS + at_ns)


def step(
    frame: int,
    boxes: dict[int, tuple[float, float, float, float]],
    *,
    tentative: frozenset[int] = frozenset(),
    unseen: frozenset[int] = frozenset(),
    ended: tuple[int, ...] = (),
    label: int = 0,
    events: tuple[RuleEvent, ...] = (),
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Step:
    """One analysed frame with `boxes` (track id to left, top, right, bottom in 0..1) drawn into it."""
    width, height = size
    image = np.full((height, width, 3), (90, 110, 100), np.uint8)
    ids = np.array(sorted(boxes), np.int64)
    box = np.array([boxes[i] for i in ids.tolist()], float).reshape(-1, 4)
    for left, top, right, bottom in (box * [width, height, width, height]).clip(0).astype(int).tolist():
        image[top:bottom, left:right] = (40, 60, 200)
    n, at = len(ids), instant(frame)
    early = np.array([i in tentative for i in ids.tolist()], np.bool_)
    seen = np.array([i not in unseen for i in ids.tolist()], np.bool_)
    labels = np.full(n, label, np.int64)
    state = np.where(early, int(TrackState.TENTATIVE), int(TrackState.CONFIRMED)).astype(np.int64)
    zeros = np.zeros(n, np.int64)
    tracks = Tracks(ids, box, np.full(n, 0.8), labels, state, seen, zeros, zeros, np.array(ended, np.int64), NAMES)
    middle = (box[:, 0] + box[:, 2]) / 2

    def trace(slot: int, anchor: str, seconds: float) -> tuple[tuple[float, float, float], ...]:
        assert anchor in ("bottom", "center", "top")
        x, y = float(middle[slot]), float(box[slot, 3])
        return tuple((at.stream_s - seconds + i / 4, x - 0.05 + i * 0.0125, y) for i in range(5))

    subjects = Subjects(
        key=ids,
        slot=np.arange(n),
        track=ids,
        seen=seen,
        gone=np.zeros(n, np.bool_),
        confirmed=~early,
        label=labels,
        score=np.full(n, 0.8),
        hits=np.full(n, 5, np.int64),
        born_ns=zeros,
        box=box,
        height=box[:, 3] - box[:, 1],
        width=box[:, 2] - box[:, 0],
        bottom=np.stack([middle, box[:, 3]], axis=1),
        center=np.stack([middle, (box[:, 1] + box[:, 3]) / 2], axis=1),
        top=np.stack([middle, box[:, 1]], axis=1),
        names=NAMES,
        trace=trace,
    )
    now = Observations(at, frame, width / height, subjects)
    return Step(Frame(image, at, frame), Sight(Detections(), 1), tracks, now, events)


def crossing(frame: int, rule: str = "gate", *, track: int = 1, late: int = 0, **more: object) -> RuleEvent:
    """Track `track` crossed the line forward in frame `frame`; it became known `late` frames after."""
    fields: dict[str, object] = {
        "track": track,
        "label": "person",
        "score": 0.81234567,
        "direction": "forward",
        "direction_name": "out",
        "anchor": (0.5, 0.9),
        "box": (0.45, 0.4, 0.55, 0.9),
        "trace": ((0.1, 0.4, 0.9), (0.2, 0.5, 0.9)),
    }
    return RuleEvent(rule, "abc123", "crossed", instant(frame), frame, instant(frame + late), **(fields | more))  # type: ignore[arg-type]


def walk(seconds: float = 4.0, rule: str = "gate") -> Iterator[Step]:
    """One person after another walks from left to right in two seconds and crosses x = 0.5 half-way."""
    for frame in range(round(seconds * FPS)):
        track, phase = frame // (2 * FPS) + 1, frame % (2 * FPS) / (2 * FPS)
        x = 0.05 + 0.85 * phase
        late = 3
        passed = frame - late
        events = (crossing(passed, rule, track=track, late=late),) if passed % (2 * FPS) == FPS else ()
        yield step(frame, {track: (x, 0.4, x + 0.1, 0.9)}, events=events)


@pytest.fixture
def make_step() -> Callable[..., Step]:
    return step


@pytest.fixture
def make_crossing() -> Callable[..., RuleEvent]:
    return crossing


@pytest.fixture
def walking() -> Scene:
    return walk


@pytest.fixture
def info() -> StreamInfo:
    return StreamInfo("yard.mp4", WIDTH, HEIGHT, float(FPS))


@pytest.fixture
def gate() -> RuleView:
    return RuleView(
        id="gate",
        type="line_crossing",
        hash="abc123",
        line=((0.5, 0.0), (0.5, 1.0)),
        names={"forward": "out", "backward": "in"},
        labels=("person",),
    )


@pytest.fixture
def yard() -> RuleView:
    zone = ((0.1, 0.5), (0.6, 0.5), (0.6, 1.0), (0.1, 1.0))
    return RuleView(id="yard", type="occupancy", zone=zone, labels=("person",), severity="alarm")
