"""What must hold for any path: mirrors, moves in place and time, cuts into frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenes import ZONE, Thing, events, rule

MIRROR = {"forward": "backward", "backward": "forward"}
few = settings(max_examples=25, deadline=None)


@dataclass(frozen=True)
class Wave:
    """A walk to and fro, with a second, slower movement on it."""

    x: float
    y: float
    reach: float
    period: float
    drift: float
    phase: float

    def __call__(self, t: float) -> tuple[float, float]:
        angle = 2 * math.pi * t / self.period + self.phase
        return self.x + self.reach * math.sin(angle) + self.drift * t, self.y + 0.1 * math.cos(angle / 2)


walks = st.builds(
    Wave,
    x=st.floats(0.3, 0.7),
    y=st.floats(0.4, 0.8),
    reach=st.floats(0.05, 0.3),
    period=st.floats(4.0, 12.0),
    drift=st.floats(-0.02, 0.02),
    phase=st.floats(0.0, 6.28),
)
rates = st.sampled_from([3, 5, 10, 25])


def heard(kind: str, path: Any, fps: float, *, end: float = 10.0, **film: Any) -> list[tuple[str, float]]:  # noqa: ANN401
    options = film.pop("options", {})
    thing = Thing(path=path, end=end, clipped=False)
    return [
        (event.direction or event.kind, event.at.stream_s)
        for event in events(rule(kind, **options), thing, fps=fps, **film)
    ]


def close(found: list[tuple[str, float]], other: list[tuple[str, float]], within: float = 1e-6) -> bool:
    return [k for k, _ in found] == [k for k, _ in other] and all(
        abs(a - b) <= within for (_, a), (_, b) in zip(found, other, strict=True)
    )


@few
@given(walks, rates)
def test_mirrored_walk_crosses_the_other_way(walk: Wave, fps: int) -> None:
    def mirrored(t: float) -> tuple[float, float]:
        x, y = walk(t)
        return 1.0 - x, y

    line = {"line": ((0.5, -1.0), (0.5, 2.0))}
    truth = [(MIRROR[kind], at) for kind, at in heard("line_crossing", walk, fps, options=line)]
    assert close(heard("line_crossing", mirrored, fps, options=line), truth)


@few
@given(walks, rates)
def test_reversed_line_tells_the_other_direction(walk: Wave, fps: int) -> None:
    there = heard("line_crossing", walk, fps, options={"line": ((0.5, -1.0), (0.5, 2.0))})
    back = heard("line_crossing", walk, fps, options={"line": ((0.5, 2.0), (0.5, -1.0))})
    assert close(back, [(MIRROR[kind], at) for kind, at in there])


@few
@given(walks, rates, st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_everything_moved_is_the_same(walk: Wave, fps: int, dx: float, dy: float) -> None:
    def moved(t: float) -> tuple[float, float]:
        x, y = walk(t)
        return x + dx, y + dy

    line = ((0.5, -1.0), (0.5, 2.0))
    there = heard("line_crossing", walk, fps, options={"line": line})
    here = heard("line_crossing", moved, fps, options={"line": tuple((x + dx, y + dy) for x, y in line)})
    assert close(here, there)


@few
@given(walks, rates, st.integers(1, 100_000), st.sampled_from(["line_crossing", "region", "intrusion", "loitering"]))
def test_everything_later_is_the_same(walk: Wave, fps: int, later: int, kind: str) -> None:
    options: dict[str, Any] = {"dwell_s": 1.0} if kind == "loitering" else {}
    there = heard(kind, walk, fps, options=options)
    film: dict[str, Any] = {"phase": float(later)}
    thing = Thing(path=lambda t: walk(t - later), start=later, end=later + 10.0, clipped=False)
    here = [
        (event.direction or event.kind, event.at.stream_s - later)
        for event in events(rule(kind, **options), thing, fps=fps, **film)
    ]
    assert close(here, there, within=2e-6)


@few
@given(walks, rates, st.integers(2, 3), st.sampled_from(["line_crossing", "region", "intrusion", "loitering"]))
def test_frames_that_come_several_times_tell_nothing_new(walk: Wave, fps: int, copies: int, kind: str) -> None:
    options: dict[str, Any] = {"dwell_s": 1.0} if kind == "loitering" else {}
    once = heard(kind, walk, fps, options=options)
    often = heard(kind, walk, fps, options=options, copies=copies)
    assert close(often, once, within=1.0 / fps)


@few
@given(
    st.floats(0.05, 0.2),
    st.floats(0.06, 0.3),
    st.floats(0.3, 0.6),
    st.floats(0.0, 0.3),
    st.sampled_from(["line_crossing", "region", "intrusion"]),
)
def test_straight_walk_is_the_same_at_every_rate(start: float, speed: float, y: float, phase: float, kind: str) -> None:
    """Against the truth: the moments at which the drawn path meets the line and the zone's sides."""
    end = (0.95 - start) / speed

    def path(t: float) -> tuple[float, float]:
        return start + speed * t, y

    truth = {
        "line_crossing": [("backward", (0.5 - start) / speed)],
        "region": [("entered", (0.4 - start) / speed), ("left", (0.7 - start) / speed)],
        "intrusion": [("intruded", (0.4 - start) / speed), ("cleared", (0.7 - start) / speed)],
    }[kind]
    for fps in (3, 5, 10, 25):
        found = heard(kind, path, fps, end=end, phase=phase / fps)
        assert close(found, truth, within=1.0 / fps), (fps, found, truth)


@few
@given(st.floats(2.0, 8.0), st.floats(0.5, 6.0), st.integers(0, 2))
def test_stays_fire_if_and_only_if_long_enough(length: float, dwell: float, lost: int) -> None:
    if abs(length - dwell) < 0.7:
        return

    def path(t: float) -> tuple[float, float]:
        if t < 1.5:
            return 0.1 + 0.3 * t, 0.5
        leaving = 1.0 + length - 0.5
        return (0.55 if t < leaving else 0.55 + 0.3 * (t - leaving)), 0.5

    for fps in (10, 25):
        thing = Thing(path=path, end=length + 2)
        found = events(rule("loitering", dwell_s=dwell, zone=ZONE), thing, fps=fps, skip=lambda i: i % 3 != lost)
        assert len(found) == (2 if length > dwell else 0), (fps, length, dwell)
        if found:
            assert found[0].at.stream_s == pytest.approx(1.0 + dwell, abs=3 / fps)
