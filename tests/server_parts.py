"""A server with nothing real behind it: cameras, findings and recordings are what a test says they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from starlette.types import ASGIApp

from fakes import UTC_NS, instant
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseBusy
from vedette.model.events import RuleEvent
from vedette.model.incidents import Incident, Severity, StoredEvent, Wanted
from vedette.model.media import Codec
from vedette.model.recording import Fragment, Gap, Lock, Segment
from vedette.model.time import NS_PER_S
from vedette.server.board import Board
from vedette.server.parts import CameraFacts, ServerParts
from vedette.server.streams import LiveStreams
from vedette.store.recordings import Coverage, Span
from vedette.video.playback.growing import Footage, OpenFiles

HOST = "http://127.0.0.1:8420"
CAMERAS = (
    CameraFacts("gate", "Gate <img onerror=alert(1)>", ("main", "sub"), analyzed=True),
    CameraFacts("yard", "Yard"),
)


@dataclass(slots=True)
class FakeFindings:
    """Events and incidents in memory."""

    stored: Sequence[StoredEvent] = ()
    known: Sequence[Incident] = ()
    steps: Sequence[tuple[int, int, int]] = ()
    asked: list[Wanted] = field(default_factory=list)
    broken: bool = False

    def events(self, wanted: Wanted, before: int | None, limit: int) -> Sequence[StoredEvent]:
        self._ask(wanted)
        return [one for one in _newest(self.stored) if before is None or one.id < before][:limit]

    def incidents(self, wanted: Wanted, before: int | None, limit: int) -> Sequence[Incident]:
        self._ask(wanted)
        return [one for one in _newest(self.known) if before is None or one.id < before][:limit]

    def counts(self, camera: str, start_utc_ns: int, end_utc_ns: int, step_ns: int) -> Sequence[tuple[int, int, int]]:
        self._ask(Wanted(camera=camera, start_utc_ns=start_utc_ns, end_utc_ns=end_utc_ns))
        return [(at - (at - start_utc_ns) % step_ns, events, alarms) for at, events, alarms in self.steps]

    def _ask(self, wanted: Wanted) -> None:
        if self.broken:
            raise DatabaseBusy("the database is locked")
        self.asked.append(wanted)


def _newest(rows: Sequence[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: row.id, reverse=True)


@dataclass(slots=True)
class FakeRecordings:
    """Segments and gaps in memory."""

    segments: Sequence[Segment] = ()
    holes: Sequence[Gap] = ()
    kept: Sequence[Lock] = ()

    def between(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Segment]:
        return [
            one
            for one in self.segments
            if (one.camera, one.stream) == (camera, stream)
            and one.start_utc_ns < end_utc_ns
            and one.end_utc_ns > start_utc_ns
        ]

    def segment(self, number: int) -> Segment | None:
        return next((one for one in self.segments if one.id == number), None)

    def gaps(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Gap]:
        named = [one for one in self.holes if (one.camera, one.stream) == (camera, stream)]
        return [one for one in named if one.start_utc_ns < end_utc_ns and (one.end_utc_ns or end_utc_ns) > start_utc_ns]

    def coverage(
        self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int, resolution_ns: int = 0
    ) -> Coverage:
        found = self.between(camera, stream, start_utc_ns, end_utc_ns)
        spans = [Span(one.start_utc_ns, one.end_utc_ns, one.size) for one in found]
        return Coverage(spans, self.gaps(camera, stream, start_utc_ns, end_utc_ns), resolution_ns)

    def locks(self, camera: str | None = None) -> Sequence[Lock]:
        return [one for one in self.kept if camera in (None, one.camera)]


def server_parts(**given: Any) -> ServerParts:
    """Parts for `create_app`; what is not given is empty."""
    clock = given.pop("clock", None) or SimulatedClock(UTC_NS)
    recordings = given.pop("recordings", None) or FakeRecordings()
    parts = ServerParts(
        clock=clock,
        cameras=CAMERAS,
        footage=Footage(recordings, given.pop("files", {}), OpenFiles()),
        timelines=recordings,
        findings=FakeFindings(),
        live=LiveStreams(),
        board=Board(clock),
    )
    return replace(parts, **given)


def ask(app: ASGIApp, path: str, *, method: str = "GET", base: str = HOST, **options: Any) -> httpx.Response:
    """The application's answer to one request."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)

    return asyncio.run(asked())


class FakeSocket:
    """A WebSocket client that talks to an application directly; `status` is that of a handshake that was refused.

    slow  the application waits with each message until the one before has been received
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        headers: Mapping[str, str] | None = None,
        *subprotocols: str,
        slow: bool = False,
    ) -> None:
        url = httpx.URL(HOST + path)
        given = {"host": "127.0.0.1:8420", **{name.lower(): value for name, value in (headers or {}).items()}}
        self._scope = {
            "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": url.path,
            "raw_path": url.raw_path, "query_string": url.query, "root_path": "", "server": ("127.0.0.1", 8420),
            "client": ("127.0.0.1", 50000), "headers": [(k.encode(), v.encode()) for k, v in given.items()],
            "subprotocols": list(subprotocols), "extensions": {"websocket.http.response": {}}, "state": {},
        }  # fmt: skip
        self._app = app
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._answers: asyncio.Queue[Any] = asyncio.Queue(1 if slow else 0)
        self.status = 101
        self.subprotocol: str | None = None
        self.closed: tuple[int, str] | None = None

    async def __aenter__(self) -> FakeSocket:
        self._task = asyncio.create_task(self._serve())
        await self._sent.put({"type": "websocket.connect"})
        first = await asyncio.wait_for(self._answers.get(), 10)
        if first["type"] == "websocket.accept":
            self.subprotocol = first.get("subprotocol")
        else:
            self.status = first.get("status", 403)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sent.put({"type": "websocket.disconnect", "code": 1000})
        while not self._answers.empty():
            self._answers.get_nowait()
        await asyncio.wait_for(self._task, 10)

    async def _serve(self) -> None:
        await self._app(self._scope, self._sent.get, self._answers.put)

    async def receive(self, timeout_s: float = 10.0) -> bytes | dict[str, Any] | None:
        """The next message, JSON already read; None when the server has closed."""
        message = await asyncio.wait_for(self._answers.get(), timeout_s)
        if message["type"] == "websocket.close":
            self.closed = message["code"], message.get("reason", "")
            return None
        text = message.get("text")
        found: bytes | dict[str, Any] = message["bytes"] if text is None else json.loads(text)
        return found


def stored_event(number: int, *, severity: Severity = "alert", seconds: float = 1.0) -> StoredEvent:
    """An event of the camera `gate`."""
    found = RuleEvent(
        "line", "hash", "crossed", instant(seconds), 25, instant(seconds + 0.3), 7, "person", 0.9, "forward"
    )
    return StoredEvent(number, "gate", 5, found, severity, incident=number + 1)


def incident(number: int, camera: str = "gate") -> Incident:
    """An incident of three events."""
    return Incident(number, camera, UTC_NS, UTC_NS + NS_PER_S, None, "alarm", ("line",), ("person",), 3)


def segment(number: int, start_s: float, seconds: float, camera: str = "gate", stream: str = "main") -> Segment:
    """A segment with one fragment and no file."""
    start_ns, duration_ns = UTC_NS + round(start_s * NS_PER_S), round(seconds * NS_PER_S)
    whole = Fragment(100, 900, 0, duration_ns, start_ns, key=True, sha256=bytes(32))
    return Segment(
        number, 1, camera, stream, "disk", f"{number}.mp4", start_ns, start_ns - UTC_NS, duration_ns, duration_ns, 1000,
        bytes(32), 100, Codec("h264", b"", 64, 48), None, (whole,),
    )  # fmt: skip
