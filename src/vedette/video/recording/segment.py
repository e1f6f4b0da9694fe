"""Fragments into a file, each on the disk before the next, and the file's row at its end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from vedette.model.errors import StorageError
from vedette.model.identity import new_id
from vedette.model.recording import Fragment, Segment
from vedette.model.recording_ports import Files
from vedette.model.time import NS_PER_S
from vedette.video.mp4.fragments import fragment
from vedette.video.mp4.init import Facts, init_segment
from vedette.video.mp4.reader import Index, describe
from vedette.video.recording.fragmenter import Beginning, Cut

_NAME: Final = re.compile(
    r"(?P<camera>[a-z0-9][a-z0-9_-]{0,63})/(?P<stream>[a-z]+)/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\dZ-(?P<id>[0-9a-f]{1,16})\.mp4\Z"
)


def segment_path(camera: str, stream: str, start_utc_ns: int, number: int) -> PurePosixPath:
    """Where in its storage folder a segment lies: `<camera>/<stream>/<day>/<time>Z-<id in hex>.mp4`, in UTC."""
    start = datetime.fromtimestamp(0, UTC) + timedelta(seconds=start_utc_ns // NS_PER_S)
    return PurePosixPath(camera, stream, f"{start:%Y-%m-%d}", f"{start:%H-%M-%S}Z-{number:x}.mp4")


def is_ours(path: PurePosixPath) -> bool:
    """Whether a file is named as a segment is."""
    return _NAME.match(str(path)) is not None


def segment_of(index: Index, storage: str, path: PurePosixPath, size: int, sha256: bytes) -> Segment:
    """The row of a file with that index."""
    facts = index.facts
    return Segment(
        id=facts.segment,
        run=facts.run,
        camera=facts.camera,
        stream=facts.stream,
        storage=storage,
        path=str(path),
        start_utc_ns=facts.start_utc_ns,
        start_stream_ns=facts.start_stream_ns,
        duration_ns=index.duration_ns,
        wall_ns=_wall_ns(facts.start_utc_ns, index.fragments),
        size=size,
        sha256=sha256,
        header=index.header,
        codec=index.codec,
        audio=index.audio,
        fragments=index.fragments,
    )


def _wall_ns(start_utc_ns: int, fragments: Sequence[Fragment]) -> int:
    return fragments[-1].utc_ns + fragments[-1].duration_ns - start_utc_ns if fragments else 0


class SegmentWriter:
    """Writes one file: its header with the first fragment, then one fragment after the other.

    When `write` returns, the fragment is on the disk; the first one with the file's name. `close` makes the file final.
    After a StorageError nothing more can be written, but `close` still gives what was on the disk before.

    begins  the first fragment; it says what the header has to
    number  id of the segment, a new one by default
    sync_s  seconds of footage that may wait before they are brought to the disk together; 0: none
    Making one raises StorageError; nothing is left on the disk then, if the disk allows.
    """

    def __init__(self, files: Files, begins: Beginning, *, number: int | None = None, sync_s: float = 0.0) -> None:
        number = new_id(begins.at.utc_ns) if number is None else number
        self._files = files
        self._path = segment_path(begins.camera, begins.stream, begins.at.utc_ns, number)
        facts = Facts(
            begins.camera, begins.stream, begins.run, number, begins.at.utc_ns, begins.at.stream_ns
        )  # fmt: skip
        header = init_segment(begins.codec, begins.audio, facts)
        self._index = Index(len(header), facts, begins.codec, begins.audio, (), len(header))
        self._hash = hashlib.sha256(header)
        self._header = header
        self._fragments: list[Fragment] = []
        self._waiting: list[tuple[bytes, Fragment]] = []
        self._sync_ns = round(sync_s * NS_PER_S)
        self._broken = False
        self._file = files.create(self._path)

    @property
    def path(self) -> PurePosixPath:
        """Inside the storage folder."""
        return self._path

    @property
    def segment(self) -> Segment:
        """As it stands, with what is on the disk."""
        index = replace(self._index, fragments=tuple(self._fragments), torn_at=self._size)
        return segment_of(index, self._files.storage.id, self._path, self._size, self._hash.digest())

    @property
    def _size(self) -> int:
        """Bytes that are on the disk for certain, or will be before anything of the file is said to be."""
        last = self._fragments[-1] if self._fragments else None
        return self._index.header if last is None else last.offset + last.size

    def write(self, cut: Cut) -> Fragment:
        """Append a fragment, and return once it is on the disk (with `sync_s`: once it is time for that).

        Raises StorageError. The file is cut back to what was on the disk before, if the disk allows.
        """
        if self._broken:
            raise StorageError(f"{self._path} cannot be written on after an error; begin a new file")
        last = self._waiting[-1][1] if self._waiting else None
        offset = self._size if last is None else last.offset + last.size
        number = len(self._fragments) + len(self._waiting) + 1
        data = fragment(number, cut.video, cut.audio, cut.utc_ns)
        first = cut.video[0]
        duration = sum(sample.duration for sample in cut.video)
        written = describe(data, offset, first.time, duration, first.key)
        self._waiting.append((data, written))
        try:
            self._file.write(self._header + data if number == 1 else data)
            self._sync()
        except StorageError:
            self._cut_back()
            raise
        return written

    def close(self) -> Segment | None:
        """Finish the file: when this returns, it and its name are on the disk for good, and its row may be written.

        None when there is no fragment in it; it is removed then. Raises StorageError; the next recovery finishes it.
        """
        try:
            if self._waiting:
                try:
                    self._sync(now=True)
                except StorageError:
                    self._cut_back()
            if not self._fragments:
                self._files.unlink(self._path)
                self._files.sync_folder(self._path.parent)
                return None
            if self._broken:
                self._file.truncate(self._size)
            self._file.sync(whole=True)
            self._files.sync_folder(self._path.parent)
        finally:
            self._file.close()
        return self.segment

    def abandon(self) -> None:
        """Let go of the file as it is; the next recovery deals with it."""
        self._broken = True
        self._file.close()

    def _sync(self, *, now: bool = False) -> None:
        span_ns = sum(written.duration_ns for _, written in self._waiting)
        if self._fragments and not now and span_ns < self._sync_ns:
            return
        self._file.sync()
        if not self._fragments:
            self._files.sync_folder(self._path.parent)
        for data, written in self._waiting:
            self._hash.update(data)
            self._fragments.append(written)
        self._waiting = []

    def _cut_back(self) -> None:
        self._broken = True
        self._waiting = []
        with suppress(StorageError):
            self._file.truncate(self._size if self._fragments else 0)
            self._file.sync(whole=True)
