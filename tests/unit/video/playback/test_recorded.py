"""Playback of what the recorder itself wrote to a disk."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from recorded_footage import START_NS, FakeRecordings, from_clip, packets, sound
from vedette.model.media import Packet
from vedette.model.news import FragmentWritten, SegmentBegun
from vedette.model.recording import Segment
from vedette.model.time import NS_PER_S
from vedette.video.playback.growing import Footage, OpenFiles
from vedette.video.playback.hls import Piece, init_bytes, media_bytes, playlist
from vedette.video.playback.movie import Movie
from vedette.video.playback.snapshot import snapshot
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.fragmenter import Cut, Fragmenter
from vedette.video.recording.segment import SegmentWriter
from video_clips import make_clip, number_in

S = NS_PER_S


class Recorder:
    """What the recorder does with the packets of a stream; the last file stays open."""

    def __init__(self, folder: Path) -> None:
        self.files = DiskFiles.open(folder)
        self.closed: list[Segment] = []
        self.open_files = OpenFiles()
        self._fragmenter = Fragmenter(segment_s=4.0)
        self._writer: SegmentWriter | None = None

    def take(self, made: Iterable[Packet]) -> None:
        for packet in made:
            for cut in self._fragmenter.take(packet):
                self._write(cut)

    def flush(self) -> None:
        for cut in self._fragmenter.flush():
            self._write(cut)

    def footage(self) -> Footage:
        return Footage(FakeRecordings(self.closed), {self.files.storage.id: self.files}, self.open_files)

    def _write(self, cut: Cut) -> None:
        if cut.begins is not None:
            self.close()
            self._writer = SegmentWriter(self.files, cut.begins)
            self.open_files.take(SegmentBegun(self._writer.segment))
        assert self._writer is not None
        fragment, segment = self._writer.write(cut), self._writer.segment
        self.open_files.take(FragmentWritten(segment.id, segment.camera, segment.stream, fragment))

    def close(self) -> None:
        segment = self._writer.close() if self._writer is not None else None
        if segment is not None:
            self.closed.append(segment)


def mixed(made: list[Packet]) -> list[Packet]:
    heard = sound(made)
    return [
        replace(each, number=number) for number, each in enumerate(sorted([*made, *heard], key=lambda one: one.dts_ns))
    ]


def shown(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data), "r") as container:
        frames: Iterable[Any] = container.decode(video=0)
        return [number_in(frame.to_ndarray(format="bgr24")) for frame in frames]


def test_all_of_it_plays_the_open_file_included(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.take(mixed(packets(range(100))))
    recorder.flush()
    recorder.take(mixed(packets(range(100, 200), run=2, start_ns=START_NS + 60 * S)))
    footage = recorder.footage()
    span = footage.span("door", "main", START_NS, START_NS + 100 * S)
    movie = Movie(span, footage.files)

    numbers = shown(b"".join(movie.read()))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 185
    assert [each.why for each in span.stretches] == ["start", "gap"]
    with av.open(movie.open(), "r") as container:
        stream = container.streams.audio[0]
        heard = [float(each.pts * each.time_base) for each in container.demux(stream) if each.pts is not None]
    assert len(heard) >= 130
    assert heard == sorted(heard)


def test_a_growing_playlist_and_a_snapshot_of_the_open_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.take(packets(range(95)))
    footage = recorder.footage()
    span = footage.span("door", "main", START_NS, START_NS + 100 * S)
    pieces: list[Piece] = []

    def note(piece: Piece) -> str:
        pieces.append(piece)
        return "m"

    playlist(span, lambda _: "i", note, growing=True, target_s=1.0)
    data = init_bytes(pieces[0].segment) + b"".join(
        data for each in pieces for data in media_bytes(footage.files, each.segment, each.first, each.count)
    )
    numbers = shown(data)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 70
    segments = footage.segments("door", "main", START_NS, START_NS + 100 * S)
    found = snapshot(segments, footage.files, START_NS + round(7.35 * S))
    assert found is not None
    assert abs(found.utc_ns - START_NS - round(7.3 * S)) < 100_000


def test_reordered_pictures_as_the_recorder_writes_them(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "disk")
    clip = make_clip(tmp_path / "a.mp4", "libx264", frames=150, codec_options={"bf": "3"})
    recorder.take(from_clip(clip))
    recorder.flush()
    recorder.close()
    footage = recorder.footage()
    movie = Movie(footage.span("door", "main", START_NS - S, START_NS + 100 * S), footage.files)
    assert shown(b"".join(movie.read())) == list(range(150))
