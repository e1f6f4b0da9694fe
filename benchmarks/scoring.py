"""Count error and event F1 as the contract defines them, and the ground truth of the public clips.

Truth files name directions as seen in the picture. In Vedette's terms `forward` of a top-to-bottom line is right to
left, and of a left-to-right line downwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE_S = 1.0
FOOTAGE = Path(__file__).parents[1] / (os.environ.get("VEDETTE_FOOTAGE") or "../shared/footage")
_FORWARD = {"right_to_left", "down"}

Happening = tuple[str, float]
"""Direction and seconds of an event."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A true crossing: its direction and the seconds (an interval, or one moment twice) in which it happened."""

    direction: str
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class TruthLine:
    """A line of a clip, in 0..1 of the picture, and what truly crossed it."""

    clip: str
    name: str
    line: tuple[tuple[float, float], tuple[float, float]]
    labels: tuple[str, ...]
    view: str
    crossings: tuple[Crossing, ...]

    def count(self, direction: str) -> int:
        """How many truly crossed in that direction."""
        return sum(crossing.direction == direction for crossing in self.crossings)


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of counting and of timing on some lines; add them to pool."""

    crossings: int = 0
    miscounted: int = 0
    matched: int = 0
    found: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.crossings + other.crossings,
            self.miscounted + other.miscounted,
            self.matched + other.matched,
            self.found + other.found,
        )

    @property
    def count_error(self) -> float:
        """Miscounted crossings over true ones."""
        return self.miscounted / max(self.crossings, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of events within a second of the truth; 1 where both are empty."""
        return 2 * self.matched / (self.crossings + self.found) if self.crossings + self.found else 1.0


def score(truth: TruthLine, events: Iterable[Happening]) -> Score:
    """Judge `(direction, t_s)` events against the truth of one line. Matching is one to one, as complete as can be."""
    found = list(events)
    missed, _ = differences(truth.crossings, found)
    miscounted = sum(
        abs(sum(way == direction for way, _ in found) - truth.count(direction)) for direction in ("forward", "backward")
    )
    return Score(len(truth.crossings), miscounted, len(truth.crossings) - len(missed), len(found))


def differences(true: Sequence[Crossing], found: Sequence[Happening]) -> tuple[list[Crossing], list[Happening]]:
    """What happened and has no event of its direction within a second, and events without such a happening."""
    partner = pairs([[j for j, event in enumerate(found) if _fits(crossing, event)] for crossing in true])
    used = set(partner.values())
    return (
        [crossing for i, crossing in enumerate(true) if i not in partner],
        [event for j, event in enumerate(found) if j not in used],
    )


def _fits(crossing: Crossing, event: Happening) -> bool:
    way, t_s = event
    return crossing.direction == way and max(crossing.first_s - t_s, t_s - crossing.last_s) <= TOLERANCE_S + 1e-9


def pairs(choices: Sequence[Sequence[int]]) -> dict[int, int]:
    """As many one-to-one pairs as can be, when each row may have one of its choices (Kuhn's augmenting paths)."""
    taken: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for choice in choices[row]:
            if choice not in tried:
                tried.add(choice)
                if choice not in taken or place(taken[choice], tried):
                    taken[choice] = row
                    return True
        return False

    for row in range(len(choices)):
        place(row, set())
    return {row: choice for choice, row in taken.items()}


def public_lines() -> list[TruthLine]:
    """Every line of the public clips."""
    return [line for clip in PUBLIC for line in lines_of(clip)]


def lines_of(clip: str) -> list[TruthLine]:
    """The lines of one of the clips in `PUBLIC`. Raises FileNotFoundError where its truth is not there."""
    return _READERS[clip]()


def _read(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((FOOTAGE / "video" / name).read_text())


def _moment(direction: str, frame: float, fps: float, last: float | None = None) -> Crossing:
    way = "forward" if direction in _FORWARD else "backward"
    return Crossing(way, frame / fps, (frame if last is None else last) / fps)


def _vertical(clip: str, width: int, fps: float, entry: dict[str, Any]) -> TruthLine:
    x = entry["line"]["pos_px"] / width
    crossings = tuple(_moment(event["dir"], event["frame"], fps) for event in entry["events"])
    return TruthLine(clip, f"x={entry['line']['pos_px']}", ((x, 0.0), (x, 1.0)), ("person",), "oblique", crossings)


def _vtest() -> list[TruthLine]:
    return [_vertical("vtest.avi", 768, 10.0, entry) for entry in _read("vtest.counts.json")["lines"]]


def _campus() -> list[TruthLine]:
    return [_vertical("TUD-Campus.mp4", 640, 25.0, entry) for entry in _read("TUD-Campus.counts.json")["lines"]]


def _cars() -> list[TruthLine]:
    facts = _read("car-detection.counts.json")
    crossings = [
        _moment(event["dir"], event["frames"][0], 12.5, event["frames"][1]) for event in facts["events_frames"]
    ]
    return [_horizontal("car-detection.mp4", facts, "overhead", crossings)]


def _traffic() -> list[TruthLine]:
    facts = _read("traffic_camera.counts.json")
    frames = facts["approx_cross_frames"]
    crossings = [_moment(way, frame, 25.0) for way in ("up", "down") for frame in frames[way]]
    return [_horizontal("traffic_camera.mp4", facts, "oblique", crossings)]


def _horizontal(clip: str, facts: dict[str, Any], view: str, crossings: Iterable[Crossing]) -> TruthLine:
    y_px = facts["line"]["pos_px"]
    y = y_px / facts["size"][1]
    return TruthLine(clip, f"y={y_px}", ((0.0, y), (1.0, y)), ("vehicle",), view, tuple(crossings))


_READERS: dict[str, Callable[[], list[TruthLine]]] = {
    "vtest.avi": _vtest,
    "TUD-Campus.mp4": _campus,
    "car-detection.mp4": _cars,
    "traffic_camera.mp4": _traffic,
}
PUBLIC = tuple(_READERS)
"""The clips whose crossings are known."""
