"""Films of any span."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.requests import HTTPConnection

from vedette.model.recording import Gap
from vedette.model.time import rfc3339
from vedette.server.access import needs
from vedette.server.movies import Key, Movies
from vedette.server.parts import Camera, CameraFacts, Parts, ServerParts, stream_named
from vedette.server.problems import Problem
from vedette.server.ranges import Body, begins, respond
from vedette.server.times import TimeText, span
from vedette.video.playback.movie import Movie

router = APIRouter(tags=["recorded"], dependencies=[needs("playback")])

MOST_S: Final = 24 * 3600.0
_REASONS: Final = 3
StreamText = Annotated[str | None, Query(max_length=16, description="main or sub; main when it is not given")]


def movies_of(connection: HTTPConnection) -> Movies:
    """The planned spans of the application that serves `connection`."""
    movies: Movies = connection.app.state.movies
    return movies


KnownMovies = Annotated[Movies, Depends(movies_of)]


@router.head("/cameras/{camera}/video.mp4", include_in_schema=False, response_class=Response)
@router.get(
    "/cameras/{camera}/video.mp4",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}},
        206: {"description": "The range that was asked for", "content": {"video/mp4": {}}},
        416: {"description": "No byte of that range is there"},
    },
)
def video(
    request: Request,
    facts: Camera,
    parts: Parts,
    movies: KnownMovies,
    *,
    start: TimeText = None,
    end: TimeText = None,
    stream: StreamText = None,
) -> Response:
    """A span as one MP4, as it was recorded; up to now when there is no end, 24 hours at most.

    What was not recorded takes no time. `Vedette-Starts` says when its first picture was captured, `Vedette-Continues`
    from when on to ask again where the camera's codec changed within the span.
    """
    name = stream_named(stream, facts)
    start_ns, end_ns = span(start, end, now_ns=parts.clock.utc_ns(), most_s=MOST_S)
    movie = movies.get(
        Key(facts.id, name, start, end),
        lambda: Movie(parts.footage.span(facts.id, name, start_ns, end_ns), parts.footage.files),
        anew=begins(request.headers.get("range")),
    )
    if not movie.span.parts:
        raise nothing(parts, facts, name, start_ns, end_ns)
    first_ns = movie.span.stretches[0].utc_ns if movie.span.stretches else start_ns
    headers = {
        "Content-Disposition": f'inline; filename="{_file_name(facts, first_ns)}"',
        "Vedette-Starts": rfc3339(first_ns),
    }
    if movie.span.continues_utc_ns is not None:
        headers["Vedette-Continues"] = rfc3339(movie.span.continues_utc_ns)
    return respond(request, Body(movie.size, movie.etag, "video/mp4", movie.read), headers)


def nothing(parts: ServerParts, facts: CameraFacts, stream: str, start_ns: int, end_ns: int) -> Problem:
    """The answer where nothing was recorded, with the reasons that are known."""
    gaps = parts.footage.recordings.gaps(facts.id, stream, start_ns, end_ns)
    why = "; ".join(_in_words(gap) for gap in gaps[:_REASONS])
    return Problem(404, "nothing was recorded in that time" + (f": {why}" if why else ""))


def _in_words(gap: Gap) -> str:
    return gap.reason.replace("_", " ") + (f" ({gap.text})" if gap.text else "")


def _file_name(facts: CameraFacts, start_ns: int) -> str:
    return f"{facts.id}_{rfc3339(start_ns)[:19].replace(':', '-')}Z.mp4"
