"""Recordings as fragmented MP4: what the recorder asks for, answered by those who know the format."""

from __future__ import annotations

from collections.abc import Iterable

from vedette.engine.recorder.ports import Cut
from vedette.model.media import Packet
from vedette.model.recording import Fragment, Run, Segment
from vedette.model.recording_ports import Files
from vedette.video.recording import fragmenter
from vedette.video.recording.segment import SegmentWriter


class Mp4Format:
    """Implements the recorder's `Format`."""

    def __init__(self, fragment_s: float = 1.0, segment_s: float = 60.0) -> None:
        self._fragment_s, self._segment_s = fragment_s, segment_s

    def fragmenter(self, run: Run) -> _Fragmenter:  # noqa: ARG002 - every packet says its run
        """For the packets of a run."""
        return _Fragmenter(fragmenter.Fragmenter(self._fragment_s, self._segment_s))

    def create(self, files: Files, run: Run, cut: Cut) -> _File:  # noqa: ARG002
        """A new file for a cut that opens one. Raises StorageError."""
        return _File(SegmentWriter(files, cut.payload.begins))


class _Fragmenter:
    def __init__(self, inner: fragmenter.Fragmenter) -> None:
        self._inner = inner

    @property
    def refused(self) -> str:
        return self._inner.refused

    def feed(self, packet: Packet) -> list[Cut]:
        return _cuts(self._inner.take(packet))

    def finish(self) -> list[Cut]:
        return _cuts(self._inner.flush())


class _File:
    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer

    @property
    def segment(self) -> Segment:
        return self._writer.segment

    def write(self, cut: Cut) -> Fragment:
        return self._writer.write(cut.payload)

    def finish(self) -> Segment | None:
        return self._writer.close()

    def abandon(self) -> None:
        self._writer.abandon()


def _cuts(made: Iterable[fragmenter.Cut]) -> list[Cut]:
    return [Cut(cut.begins is not None, cut.size, cut.utc_ns, cut.end_utc_ns, cut) for cut in made]
