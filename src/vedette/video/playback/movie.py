"""A span of time as one MP4 file that lies nowhere: its bytes are made when they are asked for."""

from __future__ import annotations

import hashlib
import io
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from vedette.model.media import Codec
from vedette.model.recording_ports import FileReader
from vedette.video.mp4.boxes import box, full_box, walk
from vedette.video.mp4.fragments import ticks
from vedette.video.mp4.init import movie
from vedette.video.mp4.parameter_sets import NAL_CODECS, length_prefixed
from vedette.video.playback.growing import damaged, read
from vedette.video.playback.patch import Place, put
from vedette.video.playback.span import Part, Span

_CLOCK_SIZE: Final = 32
"""Bytes of `prft`, which our fragments begin with: FFmpeg wants an index that points at `moof`."""
_MOST_REFERENCES: Final = 0xFFFF
_MS: Final = 1_000_000


class Movie:
    """The footage of a span as one fragmented MP4: copied, not re-encoded, with at most a fragment in memory.

    A file is never opened before its bytes are asked for. The same span gives the same bytes, so ranges of it may come
    from several objects (`etag` tells whether they do). A codec whose parameters change on the way has several sample
    descriptions, and its parameter sets before every keyframe; sound in another codec than the first is left out.
    """

    def __init__(self, span: Span, files: Mapping[str, FileReader]) -> None:
        self.span = span
        self._files = files
        parts = span.parts
        self._codecs = {codec: index for index, codec in enumerate(_unique(p.segment.codec for p in parts), 1)}
        heard = [p.segment.audio for p in parts if p.segment.audio is not None]
        kept = [each for each in _unique(heard) if (each.name, each.rate) == (heard[0].name, heard[0].rate)]
        self._audio = {codec: index for index, codec in enumerate(kept, 1)}
        self._rate = heard[0].rate if heard else 0
        self._sets = {codec: _sets(codec) if len(self._codecs) > 1 else b"" for codec in self._codecs}
        self._ends = array("Q", _sums(self._size(part) for part in parts))
        self._header = self._made_header()

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self._header) + (self._ends[-1] if self._ends else 0)

    @property
    def etag(self) -> str:
        """Changes whenever any of its bytes does."""
        digest = hashlib.sha256(self._header)
        for part in self.span.parts:
            digest.update(part.fragment.sha256)
            digest.update(struct.pack(">qqqq", part.segment.id, part.media_ns, part.from_ns, part.to_ns))
        return digest.hexdigest()[:32]

    @property
    def silenced(self) -> bool:
        """Whether sound was left out because it is in another codec than the first."""
        return any(part.segment.audio is not None and part.segment.audio not in self._audio for part in self.span.parts)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes [start, stop), a fragment or less at a time.

        Raises StorageError, FileMissing and StorageGone when footage has gone or was cut off since it was planned.
        """
        stop = self.size if stop is None else min(stop, self.size)
        if start < min(stop, len(self._header)):
            yield self._header[start:stop]
        base = len(self._header)
        index = bisect_right(self._ends, max(0, start - base))
        while index < len(self._ends) and base + self._begin(index) < stop:
            begin = base + self._begin(index)
            data = self._fragment(index)
            yield data[max(0, start - begin) : stop - begin]
            index += 1

    def open(self) -> MovieFile:
        """The same as a file object that can be read and sought in."""
        return MovieFile(self)

    def _begin(self, index: int) -> int:
        return self._ends[index - 1] if index else 0

    def _size(self, part: Part) -> int:
        return part.fragment.size + (len(self._sets[part.segment.codec]) if part.fragment.key else 0)

    def _fragment(self, index: int) -> bytes:
        part = self.span.parts[index]
        segment, fragment = part.segment, part.fragment
        data = read(self._files, segment, fragment.offset, fragment.size)
        audio = self._audio.get(segment.audio, 0) if segment.audio else 0
        sets = self._sets[segment.codec] if fragment.key else b""
        place = Place(index + 1, self._codecs[segment.codec], audio, self._rate, sets)
        try:
            moved = put(data, part, place)
        except (ValueError, LookupError, struct.error) as error:
            raise damaged(segment, fragment, error) from error
        if len(moved) != self._size(part):
            raise damaged(segment, fragment, ValueError("its boxes do not fit"))
        return moved

    def _made_header(self) -> bytes:
        if not self.span.parts:
            return b""
        header = _with_duration(movie(tuple(self._codecs), tuple(self._audio)), self.span.duration_ns)
        return header + self._index()

    def _index(self) -> bytes:
        """Where keyframes lie, for seeking (`sidx`, ISO/IEC 14496-12, section 8.16.3)."""
        parts = self.span.parts
        keys = [index for index, part in enumerate(parts) if part.fragment.key or index == 0]
        keys = keys[:: -(-len(keys) // _MOST_REFERENCES)]
        rows = []
        for key, following in zip(keys, [*keys[1:], len(parts)], strict=True):
            size = self._begin(following) - self._begin(key) - (_CLOCK_SIZE if following == len(parts) else 0)
            end_ns = parts[following].media_ns if following < len(parts) else self.span.duration_ns
            duration = ticks(end_ns) - ticks(parts[key].media_ns)
            rows.append(struct.pack(">III", size, duration, 0x90000000))
        head = struct.pack(">IIQQHH", 1, 90_000, 0, _CLOCK_SIZE, 0, len(rows))
        return full_box(b"sidx", 1, 0, head, *rows)


class MovieFile(io.RawIOBase):
    """A movie as a file object, a fragment at a time."""

    def __init__(self, movie_: Movie) -> None:
        self._movie = movie_
        self._size = movie_.size
        self._at = 0
        self._held = (0, b"")

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:  # noqa: D102
        wanted = self._size - self._at if size < 0 else min(size, self._size - self._at)
        pieces = []
        while wanted > 0:
            begin, data = self._held
            if not begin <= self._at < begin + len(data):
                begin, data = self._held = self._at, next(self._movie.read(self._at))
            piece = data[self._at - begin : self._at - begin + wanted]
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        return b"".join(pieces)


def _unique(codecs: Iterable[Codec]) -> list[Codec]:
    return list(dict.fromkeys(codecs))


def _sums(sizes: Iterable[int]) -> Iterator[int]:
    total = 0
    for size in sizes:
        total += size
        yield total


def _sets(codec: Codec) -> bytes:
    return length_prefixed(codec.extradata) if codec.name in NAL_CODECS else b""


def _with_duration(header: bytes, duration_ns: int) -> bytes:
    """`header` with the duration of the whole film in it (`mehd`, ISO/IEC 14496-12, section 8.8.2)."""
    tops = []
    for top in walk(header):
        if top.kind == b"moov":
            parts = [
                _extended(header[part.start : part.end], duration_ns) for part in walk(header, top.inside, top.end)
            ]
            tops.append(box(b"moov", *parts))
        else:
            tops.append(header[top.start : top.end])
    return b"".join(tops)


def _extended(part: bytes, duration_ns: int) -> bytes:
    if part[4:8] != b"mvex":
        return part
    return box(b"mvex", full_box(b"mehd", 1, 0, struct.pack(">Q", duration_ns // _MS)), part[8:])
