"""Tracks as they are kept, so that a rule drawn today can be run over last week."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.model.detections import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class TrackLine:
    """The whole life of one track: the points at which the detector saw it.

    id      unique over all machines, grows with time
    track   the tracker's id within its run
    label   class name by majority
    aspect  width of the picture divided by its height
    at_ns   (n,) stream time of each point, increasing
    box     (n, 4) left, top, right, bottom, 0..1 of the picture
    score   (n,) the detector's
    ended_ns  stream time at which the tracker gave it up
    """

    id: int
    camera: str
    run: int
    track: int
    label: str
    start_utc_ns: int
    end_utc_ns: int
    aspect: float
    at_ns: Ints = field(repr=False)
    box: Floats = field(repr=False)
    score: Floats = field(repr=False)
    ended_ns: int = 0
