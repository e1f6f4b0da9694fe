"""What the server is made of: handed in by whoever composes the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from vedette.model.incidents import Incident, StoredEvent, Wanted
from vedette.model.ports import Clock
from vedette.model.recording import Segment
from vedette.server.board import Board
from vedette.server.problems import Problem
from vedette.server.streams import LiveStreams
from vedette.store.recordings import Coverage
from vedette.video.playback.growing import Footage


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """One configured camera. `streams` is in the order of preference for a person who watches: `main` first."""

    id: str
    name: str
    streams: tuple[str, ...] = ("main",)
    analyzed: bool = False


class Findings(Protocol):
    """Looking up what the rules found. Answers are the newest first, by id. Raises DatabaseError."""

    def events(self, wanted: Wanted, before: int | None, limit: int) -> Sequence[StoredEvent]:
        """At most `limit` events with ids below `before`."""
        ...

    def incidents(self, wanted: Wanted, before: int | None, limit: int) -> Sequence[Incident]:
        """At most `limit` incidents with ids below `before`."""
        ...

    def counts(self, camera: str, start_utc_ns: int, end_utc_ns: int, step_ns: int) -> Sequence[tuple[int, int, int]]:
        """`(start_utc_ns, events, alarms)` of each stretch of `step_ns` from `start_utc_ns` that has any."""
        ...


class Timelines(Protocol):
    """Looking up when anything was recorded, and single files of it. Raises DatabaseError."""

    def segment(self, number: int) -> Segment | None:
        """One committed segment with its fragments."""
        ...

    def coverage(
        self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int, resolution_ns: int = 0
    ) -> Coverage:
        """Covered times and gaps of [start, end); holes up to `resolution_ns` are left out."""
        ...


@dataclass(frozen=True, slots=True)
class ServerParts:
    """All that the routes read.

    cameras    in the order in which they are shown
    footage    what was recorded, up to the present second
    timelines  when it was, and single files of it
    findings   what the rules found
    """

    clock: Clock
    cameras: Sequence[CameraFacts]
    footage: Footage
    timelines: Timelines
    findings: Findings
    live: LiveStreams
    board: Board
    version: str = "0"


def parts_of(connection: HTTPConnection) -> ServerParts:
    """The parts of the application that serves `connection`."""
    parts: ServerParts = connection.app.state.parts
    return parts


Parts = Annotated[ServerParts, Depends(parts_of)]


def camera_named(camera: str, parts: Parts) -> CameraFacts:
    """The camera in the path. Raises Problem (404)."""
    for facts in parts.cameras:
        if facts.id == camera:
            return facts
    raise Problem(404, "there is no such camera; /api/v1/cameras lists them")


Camera = Annotated[CameraFacts, Depends(camera_named)]


def stream_named(stream: str | None, facts: CameraFacts) -> str:
    """The stream that a request names, the first one when it names none. Raises Problem (422)."""
    if stream is None:
        return facts.streams[0]
    if stream not in facts.streams:
        raise Problem(422, f"stream: this camera has {' and '.join(facts.streams)}")
    return stream
