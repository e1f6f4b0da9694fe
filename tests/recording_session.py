"""A recorder as small as it can be, for tests of what it stands on, and what they look at afterwards."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import PurePosixPath

import av

from vedette.model.errors import StorageError
from vedette.model.media import Packet
from vedette.model.recording import Fragment, Segment
from vedette.model.recording_ports import Files, Ledger
from vedette.video.mp4.fragments import read_runs
from vedette.video.recording.fragmenter import Cut, Fragmenter
from vedette.video.recording.segment import SegmentWriter


def cuts_of(packets: Iterable[Packet], fragment_s: float = 1.0, segment_s: float = 60.0) -> list[Cut]:
    """All fragments of a run."""
    fragmenter = Fragmenter(fragment_s, segment_s)
    cuts = [cut for packet in packets for cut in fragmenter.take(packet)]
    return cuts + fragmenter.flush()


def record(
    files: Files,
    ledger: Ledger,
    cuts: Sequence[Cut],
    *,
    written: Callable[[Fragment], None] = lambda _: None,
    committed: Callable[[Segment], None] = lambda _: None,
    first_id: int = 100,
    sync_s: float = 0.0,
) -> None:
    """Write `cuts` into files and commit them; what is on the disk is told of at once. Raises StorageError."""
    writer: SegmentWriter | None = None

    def close() -> None:
        segment = writer.close() if writer is not None else None
        if segment is not None:
            ledger.commit(segment)
            committed(segment)

    for cut in cuts:
        if cut.begins is not None:
            close()
            writer = SegmentWriter(files, cut.begins, number=first_id, sync_s=sync_s)
            first_id += 1
        assert writer is not None
        try:
            fragment = writer.write(cut)
        except StorageError:
            close()
            raise
        written(fragment)
    close()


def contents(files: Files, path: str) -> bytes:
    """A file as it lies there."""
    return files.read(PurePosixPath(path))


@lru_cache(maxsize=4096)
def _decoded(content: bytes) -> int:
    with av.open(io.BytesIO(content), "r") as container:
        return sum(1 for _ in container.decode(video=0))


def assert_whole(files: Files, segment: Segment) -> None:
    """The row says what the file is, and every picture of every fragment can be decoded."""
    content = contents(files, segment.path)
    assert len(content) == segment.size == files.size(PurePosixPath(segment.path))
    assert hashlib.sha256(content).digest() == segment.sha256
    at, pictures = segment.header, 0
    for fragment in segment.fragments:
        part = content[fragment.offset : fragment.offset + fragment.size]
        assert fragment.offset == at
        assert hashlib.sha256(part).digest() == fragment.sha256
        pictures += len(read_runs(part)[1].samples)
        at += fragment.size
    assert at == segment.size
    assert _decoded(content) == pictures > 0


def assert_in_order(files: Files, ledger: Ledger) -> None:
    """Invariants 1 and 2 of docs/design/recording.md, and 3 where everything has been stopped."""
    rows = {path: number for number, path, _ in ledger.known(files.storage.id)}
    assert {str(path) for path in files.files()} == set(rows)
    assert list(ledger.garbage(files.storage.id)) == []
    for number in rows.values():
        segment = ledger.segment(number)
        assert segment is not None
        assert_whole(files, segment)
