"""Count error and event F1 as the contract defines them, and the ground truth of the public clips.

Truth files name directions as seen in the picture. In Vedette's terms `forward` of a top-to-bottom line is right to left,
and of a left-to-right line downwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

TOLERANCE_S = 1.0
FOOTAGE = Path(os.environ.get("VEDETTE_FOOTAGE", Path(__file__).parents[2] / "shared" / "footage"))
_FORWARD = {"right_to_left", "down"}


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
        """Harmonic mean of precision and recall of events within a second of the truth."""
        return 2 * self.matched / max(self.crossings + self.found, 1)


def score(truth: TruthLine, events: Iterable[tuple[str, float]]) -> Score:
    """Judge `(direction, t_s)` events against the truth of one line. Matching is one to one and as complete as can be."""
    found = list(events)
    miscounted = matched = 0
    for direction in ("forward", "backward"):
        true = [crossing for crossing in truth.crossings if crossing.direction == direction]
        times = [t_s for way, t_s in found if way == direction]
        miscounted += abs(len(times) - len(true))
        matched += _matches(true, times)
    return Score(len(truth.crossings), miscounted, matched, len(found))


def _matches(true: Sequence[Crossing], times: Sequence[float]) -> int:
    if not true or not times:
        return 0
    late = np.array([[max(c.first_s - t, t - c.last_s, 0.0) <= TOLERANCE_S + 1e-9 for t in times] for c in true])
    rows, columns = linear_sum_assignment(-late.astype(int))
    return int(late[rows, columns].sum())


def public_lines() -> list[TruthLine]:
    """Every line of the public clips."""
    return [
        *_vtest(),
        *_campus(),
        _horizontal("car-detection.mp4", (768, 432), 12.5, 216, "overhead", _car_events()),
        _horizontal("traffic_camera.mp4", (1280, 720), 25.0, 500, "oblique", _traffic_events()),
    ]


def _read(name: str) -> Any:
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


def _car_events() -> list[tuple[str, float, float]]:
    events = _read("car-detection.counts.json")["events_frames"]
    return [(event["dir"], event["frames"][0], event["frames"][1]) for event in events]


def _traffic_events() -> list[tuple[str, float, float]]:
    frames = _read("traffic_camera.counts.json")["approx_cross_frames"]
    return [(way, frame, frame) for way in ("up", "down") for frame in frames[way]]


def _horizontal(
    clip: str, size: tuple[int, int], fps: float, y_px: int, view: str, events: Sequence[tuple[str, float, float]]
) -> TruthLine:
    y = y_px / size[1]
    crossings = tuple(_moment(way, first, fps, last) for way, first, last in events)
    return TruthLine(clip, f"y={y_px}", ((0.0, y), (1.0, y)), ("vehicle",), view, crossings)
