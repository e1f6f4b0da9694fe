"""Films for players that take playlists, such as those of phones: HTTP Live Streaming with fragmented MP4."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response

from vedette.model.recording import Segment
from vedette.server.access import needs
from vedette.server.parts import Camera, CameraFacts, Parts, ServerParts, stream_named
from vedette.server.problems import Problem
from vedette.server.routes.recorded import MOST_S, StreamText, nothing
from vedette.server.times import TimeText, span
from vedette.video.playback.hls import init_bytes, media_bytes, playlist

router = APIRouter(tags=["recorded"], dependencies=[needs("playback")])

_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_FOR_EVER: Final = {"Cache-Control": "private, max-age=86400, immutable"}
_MOST_FRAGMENTS: Final = 1000
SegmentId = Annotated[str, Path(pattern=r"^[0-9]{1,19}$")]
Index = Annotated[int, Path(ge=0, le=100_000)]
Count = Annotated[int, Path(ge=1, le=_MOST_FRAGMENTS)]


@router.get("/cameras/{camera}/hls.m3u8", response_class=Response, responses={200: {"content": {_PLAYLIST: {}}}})
def media_playlist(
    facts: Camera, parts: Parts, *, start: TimeText = None, end: TimeText = None, stream: StreamText = None
) -> Response:
    """A playlist of a span; without an end it grows while more is recorded."""
    name = stream_named(stream, facts)
    start_ns, end_ns = span(start, end, now_ns=parts.clock.utc_ns(), most_s=MOST_S)
    planned = parts.footage.span(facts.id, name, start_ns, end_ns)
    if not planned.parts:
        raise nothing(parts, facts, name, start_ns, end_ns)
    text = playlist(
        planned,
        lambda segment: f"hls/{segment.id}/init.mp4",
        lambda piece: f"hls/{piece.segment.id}/{piece.first}-{piece.count}.m4s",
        growing=end is None,
    )
    return Response(text, media_type=_PLAYLIST, headers={"Cache-Control": "no-cache"})


@router.get("/cameras/{camera}/hls/{segment}/init.mp4", response_class=Response)
def header(facts: Camera, parts: Parts, segment: SegmentId) -> Response:
    """What comes before the media segments of a playlist."""
    return Response(init_bytes(_segment(parts, facts, segment)), media_type="video/mp4", headers=_FOR_EVER)


@router.get("/cameras/{camera}/hls/{segment}/{first}-{count}.m4s", response_class=Response)
def media(facts: Camera, parts: Parts, segment: SegmentId, first: Index, count: Count) -> Response:
    """A media segment of a playlist."""
    pieces = media_bytes(parts.footage.files, _segment(parts, facts, segment), first, count)
    return Response(b"".join(pieces), media_type="video/mp4", headers=_FOR_EVER)


def _segment(parts: ServerParts, facts: CameraFacts, number: str) -> Segment:
    """A file of this camera, also one that is being written."""
    growing = (parts.footage.open_files.segment(facts.id, stream) for stream in facts.streams)
    found = next((one for one in growing if one is not None and one.id == int(number)), None)
    found = found or (parts.timelines.segment(int(number)) if int(number) < 1 << 63 else None)
    if found is None or found.camera != facts.id:
        raise Problem(404, "this camera has no such recording; ask for the playlist again")
    return found
