"""The files that are being written, so that playback reaches up to the present second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Lock

from vedette.model.errors import StorageError, StorageGone
from vedette.model.news import FragmentWritten, News, SegmentBegun, SegmentClosed
from vedette.model.recording import Fragment, Segment
from vedette.model.recording_ports import FileReader, Recordings
from vedette.video.playback.span import Span, plan


def so_far(segment: Segment, fragments: Sequence[Fragment]) -> Segment:
    """`segment` as far as it has been written: its `fragments`, and what follows from them."""
    if not fragments:
        return segment
    last = fragments[-1]
    duration_ns = last.start_ns + last.duration_ns
    wall_ns = last.utc_ns + last.duration_ns - segment.start_utc_ns
    size = last.offset + last.size
    return replace(segment, fragments=tuple(fragments), duration_ns=duration_ns, wall_ns=wall_ns, size=size)


class OpenFiles:
    """What the recorder's news say of the files it is writing, one a stream. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: dict[tuple[str, str], tuple[Segment, list[Fragment]]] = {}

    def take(self, news: News) -> None:
        """Take in what the recorder says; other news are ignored."""
        match news:
            case SegmentBegun(segment):
                with self._lock:
                    self._files[segment.camera, segment.stream] = segment, list(segment.fragments)
            case FragmentWritten(number, camera, stream, fragment):
                with self._lock:
                    self._add(number, (camera, stream), fragment)
            case SegmentClosed(segment):
                with self._lock:
                    self._drop(segment)

    def segment(self, camera: str, stream: str) -> Segment | None:
        """The file being written of a stream, as far as it is on the disk; None when there is none."""
        with self._lock:
            found = self._files.get((camera, stream))
            return so_far(*found) if found and found[1] else None

    def _add(self, number: int, name: tuple[str, str], fragment: Fragment) -> None:
        found = self._files.get(name)
        if found is None or found[0].id != number:
            return
        end = found[1][-1].offset + found[1][-1].size if found[1] else found[0].header
        if fragment.offset == end:
            found[1].append(fragment)
        elif fragment.offset > end:
            # News were lost: what is behind the hole is known again when the file is finished.
            del self._files[name]

    def _drop(self, segment: Segment) -> None:
        found = self._files.get((segment.camera, segment.stream))
        if found is not None and found[0].id == segment.id:
            del self._files[segment.camera, segment.stream]


@dataclass(frozen=True, slots=True)
class Footage:
    """Everything that is recorded, the last second included.

    files  the storage folders by their ids
    """

    recordings: Recordings
    files: Mapping[str, FileReader]
    open_files: OpenFiles

    def segments(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> tuple[Segment, ...]:
        """Segments that touch [start, end), the file being written among them. Raises DatabaseError."""
        # First what is open: a file that is closed between the two questions is then in both answers, not in none.
        growing = self.open_files.segment(camera, stream)
        found = list(self.recordings.between(camera, stream, start_utc_ns, end_utc_ns))
        if growing is not None and all(each.id != growing.id for each in found):
            found.append(growing)
        return tuple(found)

    def span(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int, *, run: int | None = None) -> Span:
        """What shows [start, end) of a stream. Raises DatabaseError."""
        found = self.segments(camera, stream, start_utc_ns, end_utc_ns)
        return plan(found, start_utc_ns, end_utc_ns, run=run)


def read(files: Mapping[str, FileReader], segment: Segment, offset: int, size: int) -> bytes:
    """`size` bytes of a segment's file.

    Raises StorageGone for a folder that is not there, FileMissing for a file, StorageError where it ends before.
    """
    reader = files.get(segment.storage)
    if reader is None:
        raise StorageGone(
            f"{segment.path} lies in a storage folder that is not connected ({segment.storage}); "
            f"connect its disk or add its path under storage:"
        )
    data = reader.read(PurePosixPath(segment.path), offset, size)
    if len(data) != size:
        raise StorageError(f"{segment.path} ends before byte {offset + size}; run vedette fsck")
    return data


def damaged(segment: Segment, fragment: Fragment, why: Exception) -> StorageError:
    """The error for a fragment that is not what it was when it was written."""
    return StorageError(f"{segment.path} is damaged at byte {fragment.offset} ({why}); run vedette fsck")
