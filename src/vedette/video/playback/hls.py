"""HTTP Live Streaming with fragmented MP4 (RFC 8216), for players that take playlists instead of byte ranges.

A media segment is some fragments of one file, and its times are stream time of its run: its bytes depend on nothing
but its name, so they can be cached for ever, and a playlist may be asked for again and again while footage grows.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vedette.model.errors import FileMissing
from vedette.model.media import Codec
from vedette.model.recording import Segment
from vedette.model.recording_ports import FileReader
from vedette.model.time import NS_PER_S, rfc3339
from vedette.video.mp4.init import init_segment
from vedette.video.playback.growing import damaged, read
from vedette.video.playback.patch import Place, put
from vedette.video.playback.span import JOIN_NS, Part, Span

_TARGET_S: Final = 4.0
_VERSION: Final = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """A media segment of a playlist: `count` fragments of a file from the one with index `first` on."""

    segment: Segment
    first: int
    count: int

    @property
    def duration_ns(self) -> int:
        """How long it is shown."""
        return sum(each.duration_ns for each in self.segment.fragments[self.first : self.first + self.count])

    @property
    def utc_ns(self) -> int:
        """Capture time of its first picture."""
        return self.segment.fragments[self.first].utc_ns

    @property
    def stream_ns(self) -> int:
        """The same in stream time of its run."""
        return self.segment.start_stream_ns + self.segment.fragments[self.first].start_ns


def playlist(
    span: Span,
    init_uri: Callable[[Segment], str],
    media_uri: Callable[[Piece], str],
    *,
    growing: bool = False,
    target_s: float = _TARGET_S,
) -> str:
    """A media playlist of `span`, to the fragment.

    init_uri, media_uri  where a player finds what `init_bytes` and `media_bytes` answer
    growing              more is to come: an event playlist, which has to be planned from the same start every time
    """
    pieces = list(_pieces(span, target_s))
    if growing and pieces:
        # What came last may still get another fragment.
        pieces.pop()
    longest_s = max([2 * target_s + 2, *(piece.duration_ns / NS_PER_S for piece in pieces)])
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", f"#EXT-X-TARGETDURATION:{-int(-longest_s // 1)}"]
    lines += [f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if growing else 'VOD'}", "#EXT-X-MEDIA-SEQUENCE:0"]
    lead_ns = max(0, span.start_utc_ns - pieces[0].utc_ns) if pieces else 0
    if lead_ns:
        lines.append(f"#EXT-X-START:TIME-OFFSET={lead_ns / NS_PER_S:.3f},PRECISE=YES")
    before: Piece | None = None
    for piece in pieces:
        lines += _lines(before, piece, init_uri, media_uri)
        before = piece
    return "\n".join([*lines, *([] if growing else ["#EXT-X-ENDLIST"]), ""])


def init_bytes(segment: Segment) -> bytes:
    """What `EXT-X-MAP` names: the header for everything in the codecs of `segment`. Raises StorageError."""
    return init_segment(segment.codec, _audible(segment))


def media_bytes(files: Mapping[str, FileReader], segment: Segment, first: int, count: int) -> Iterator[bytes]:
    """The bytes of a media segment, a fragment at a time.

    Raises FileMissing when the file has no such fragments (yet), StorageError when they cannot be read.
    """
    chosen = segment.fragments[first : first + count] if first >= 0 and count > 0 else ()
    if len(chosen) != count or not chosen:
        raise FileMissing(f"{segment.path} has no fragments {first} to {first + count - 1}; ask for the playlist again")
    audio = _audible(segment)
    for index, fragment in enumerate(chosen, first):
        stream_ns = max(0, segment.start_stream_ns + fragment.start_ns)
        part = Part(segment, fragment, stream_ns, 0, fragment.duration_ns, index > first)
        place = Place(index + 1, audio=int(audio is not None), rate=audio.rate if audio else 0)
        data = read(files, segment, fragment.offset, fragment.size)
        try:
            yield put(data, part, place)
        except (ValueError, LookupError, struct.error) as error:
            raise damaged(segment, fragment, error) from error


def _audible(segment: Segment) -> Codec | None:
    """Sound that phones play."""
    return segment.audio if segment.audio is not None and segment.audio.name == "aac" else None


def _pieces(span: Span, target_s: float) -> Iterator[Piece]:
    target_ns = round(target_s * NS_PER_S)
    held: list[Part] = []
    for part in span.parts:
        long_ns = sum(each.fragment.duration_ns for each in held)
        if held and (not _next(held[-1], part) or long_ns >= (target_ns if part.fragment.key else 2 * target_ns)):
            yield _piece(held)
            held = []
        held.append(part)
    if held:
        yield _piece(held)


def _next(before: Part, after: Part) -> bool:
    """Whether `after` follows in the same file."""
    return before.segment is after.segment and before.fragment.offset + before.fragment.size == after.fragment.offset


def _piece(parts: Sequence[Part]) -> Piece:
    segment = parts[0].segment
    first = bisect_left(segment.fragments, parts[0].fragment.offset, key=lambda each: each.offset)
    return Piece(segment, first, len(parts))


def _lines(
    before: Piece | None, piece: Piece, init_uri: Callable[[Segment], str], media_uri: Callable[[Piece], str]
) -> Iterator[str]:
    other = before is None or _codecs(before) != _codecs(piece)
    if before is not None and (other or not _joined(before, piece)):
        yield "#EXT-X-DISCONTINUITY"
    if other:
        yield f'#EXT-X-MAP:URI="{init_uri(piece.segment)}"'
    yield f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(piece.utc_ns)}"
    yield f"#EXTINF:{piece.duration_ns / NS_PER_S:.5f},"
    yield media_uri(piece)


def _codecs(piece: Piece) -> tuple[Codec, Codec | None]:
    return piece.segment.codec, _audible(piece.segment)


def _joined(before: Piece, after: Piece) -> bool:
    hole_ns = after.stream_ns - before.stream_ns - before.duration_ns
    return before.segment.run == after.segment.run and abs(hole_ns) <= JOIN_NS
