"""Single pictures of recordings, and sheets of small ones. Decoding has few threads, shared by all requests."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from vedette.model.time import NS_PER_S, rfc3339
from vedette.server.access import needs
from vedette.server.parts import Camera, CameraFacts, Parts, ServerParts, stream_named
from vedette.server.problems import Problem
from vedette.server.routes.recorded import MOST_S, StreamText, nothing
from vedette.server.times import TimeText, moment
from vedette.video.playback.preview import MOST_TILES, Sheet, sheet
from vedette.video.playback.snapshot import Snapshot, snapshot

router = APIRouter(tags=["recorded"], dependencies=[needs("playback")])

_BACK_NS: Final = 15 * NS_PER_S
_MOST_PIXELS: Final = 16_000_000
_JPEG: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/jpeg": {}}}}


@router.get("/cameras/{camera}/snapshot.jpg", response_class=Response, responses=_JPEG)
async def one_picture(
    request: Request,
    facts: Camera,
    parts: Parts,
    *,
    at: TimeText = None,
    width: Annotated[int | None, Query(ge=16, le=7680)] = None,
    stream: StreamText = None,
) -> Response:
    """The picture that was newest at a moment, now when none is given; at most `width` pixels wide.

    `Vedette-Captured` says when it was captured, at most 15 s before.
    """
    name = stream_named(stream, facts)
    at_ns = parts.clock.utc_ns() if at is None else moment(at, "at")
    found = await run_sync(lambda: _snapshot(parts, facts, name, at_ns, width), limiter=_limiter(request))
    return Response(found.jpeg, media_type="image/jpeg", headers={"Vedette-Captured": rfc3339(found.utc_ns)})


@router.get("/cameras/{camera}/preview.jpg", response_class=Response, responses=_JPEG)
async def many_pictures(
    request: Request,
    facts: Camera,
    parts: Parts,
    *,
    start: TimeText = None,
    interval: Annotated[float, Query(ge=0.1, le=86400, allow_inf_nan=False, description="seconds")] = 60.0,
    columns: Annotated[int, Query(ge=1, le=MOST_TILES)] = 10,
    rows: Annotated[int, Query(ge=1, le=MOST_TILES)] = 1,
    width: Annotated[int, Query(ge=32, le=640, description="of one picture")] = 160,
    stream: StreamText = None,
) -> Response:
    """Small pictures in rows from the upper left, one every `interval` seconds from `start` on, 16:9 each."""
    name, size = stream_named(stream, facts), (width, width * 9 // 16)
    if start is None:
        raise Problem(422, "start: is needed, a time such as 2026-11-22T16:31:00Z")
    if columns * rows > MOST_TILES or columns * rows * size[0] * size[1] > _MOST_PIXELS:
        raise Problem(422, f"columns: at most {MOST_TILES} pictures and {_MOST_PIXELS // 1_000_000} million pixels")
    if columns * rows * interval > MOST_S:
        raise Problem(422, f"interval: the pictures may cover {MOST_S / 3600:g} hours at most")
    start_ns = moment(start, "start")

    def made() -> Sheet:
        end_ns = start_ns + round(columns * rows * interval * NS_PER_S)
        segments = parts.footage.segments(facts.id, name, start_ns, end_ns)
        return sheet(segments, parts.footage.files, start_ns, interval, columns=columns, rows=rows, size=size)

    found = await run_sync(made, limiter=_limiter(request))
    return Response(found.jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=60"})


def _snapshot(parts: ServerParts, facts: CameraFacts, stream: str, at_ns: int, width: int | None) -> Snapshot:
    first_ns = max(0, at_ns - _BACK_NS)
    segments = parts.footage.segments(facts.id, stream, first_ns, at_ns + 1)
    most = None if width is None else (width, 4 * width)
    found = snapshot(segments, parts.footage.files, at_ns, most=most)
    if found is None or found.utc_ns < first_ns:
        raise nothing(parts, facts, stream, first_ns, at_ns + 1)
    return found


def _limiter(request: Request) -> CapacityLimiter:
    limiter: CapacityLimiter = request.app.state.decoders
    return limiter
