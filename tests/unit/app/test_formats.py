from __future__ import annotations

from pathlib import Path

from recorded_packets import session
from vedette.app.formats import Mp4Format
from vedette.model.recording import Run, Segment
from vedette.video.recording.disk import DiskFiles


def test_cuts_become_files_and_fragments(tmp_path: Path) -> None:
    packets = session(4)
    run = Run(packets[0].run, packets[0].camera, packets[0].stream, packets[0].at.utc_ns, "here")
    made = Mp4Format(fragment_s=1.0, segment_s=2.0)
    fragmenter, files = made.fragmenter(run), DiskFiles.open(tmp_path)
    cuts = [cut for packet in packets for cut in fragmenter.feed(packet)] + fragmenter.finish()
    assert cuts[0].opens
    assert fragmenter.refused == ""
    segments: list[Segment | None] = []
    file = None
    for cut in cuts:
        if cut.opens:
            segments += [file.finish()] if file else []
            file = made.create(files, run, cut)
        assert file is not None
        fragment = file.write(cut)
        assert fragment.utc_ns == cut.utc_ns
    segments += [file.finish()] if file else []
    assert len(segments) >= 2
    for segment in segments:
        assert segment is not None
        assert (tmp_path / segment.path).stat().st_size == segment.size


def test_an_abandoned_file_is_left_as_it_is(tmp_path: Path) -> None:
    packets = session(2)
    run = Run(packets[0].run, packets[0].camera, packets[0].stream, packets[0].at.utc_ns, "here")
    made = Mp4Format()
    fragmenter = made.fragmenter(run)
    (first, *_) = [cut for packet in packets for cut in fragmenter.feed(packet)] + fragmenter.finish()
    file = made.create(DiskFiles.open(tmp_path), run, first)
    file.write(first)
    file.abandon()
    assert (tmp_path / file.segment.path).exists()
