"""Byte ranges of something that is made when it is asked for (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

import structlog
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from vedette.model.errors import StorageError
from vedette.server.problems import Problem

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_log = structlog.get_logger(__name__)


class Body(NamedTuple):
    """Something with bytes.

    read  gives the bytes [start, stop), a piece at a time
    """

    size: int
    etag: str
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, stop) that a `Range` asks for; None for all of it, also when it is malformed or asks for several.

    Raises Problem (416) when no byte of it is there.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    start = max(0, size - int(last)) if not first else int(first)
    stop = size if not first or not last else min(size, int(last) + 1)
    if first and last and int(last) < int(first):
        return None
    if start >= stop:
        raise Problem(416, f"there are {size} bytes", {"Content-Range": f"bytes */{size}"})
    return start, stop


def begins(header: str | None) -> bool:
    """Whether a request for that range is the first of a player: for all, or from the first byte on."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    return found is None or (found[1] != "" and int(found[1]) == 0)


def respond(request: Request, body: Body, headers: Mapping[str, str]) -> Response:
    """The answer to a GET or HEAD of `body`. Raises what reading its first piece raises."""
    etag = f'"{body.etag}"'
    sent = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-cache", **headers}
    if etag in _tags(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=sent)
    same = request.headers.get("if-range") in {None, etag}
    asked = wanted(request.headers.get("range") if same else None, body.size)
    start, stop = asked or (0, body.size)
    sent["Content-Length"] = str(stop - start)
    if asked is not None:
        sent["Content-Range"] = f"bytes {start}-{stop - 1}/{body.size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=sent, media_type=body.media_type)
    pieces = body.read(start, stop)
    first = next(pieces, b"")
    return StreamingResponse(_as_far(chain([first], pieces)), status, headers=sent, media_type=body.media_type)


def _tags(header: str | None) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}


def _as_far(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What can be read. The connection then breaks off before the announced length: too late for another status."""
    try:
        yield from pieces
    except StorageError as error:
        _log.warning("playback breaks off", why=str(error))
