from __future__ import annotations

from dataclasses import replace

import pytest

from recorded_footage import START_NS, STORAGE, FakeRecordings, MemoryFiles, bare_segment, packets, record
from vedette.model.errors import FileMissing, StorageError, StorageGone
from vedette.model.news import FragmentWritten, News, RunChanged, SegmentBegun, SegmentClosed
from vedette.model.recording import Run, Segment
from vedette.model.time import NS_PER_S
from vedette.video.playback.growing import Footage, OpenFiles, read
from vedette.video.playback.movie import Movie
from vedette.video.playback.pictures import pictures

S = NS_PER_S


def begun(segment: Segment) -> SegmentBegun:
    return SegmentBegun(replace(segment, fragments=(), size=0, duration_ns=0, wall_ns=0, sha256=b""))


def written(segment: Segment, index: int) -> FragmentWritten:
    return FragmentWritten(segment.id, segment.camera, segment.stream, segment.fragments[index])


def told(*news: News) -> OpenFiles:
    files = OpenFiles()
    for each in news:
        files.take(each)
    return files


def test_a_file_grows_with_its_fragments_and_is_gone_when_it_is_closed() -> None:
    segment = bare_segment(0)
    files = told(begun(segment))
    assert files.segment("door", "main") is None
    for index in range(3):
        files.take(written(segment, index))
    growing = files.segment("door", "main")
    assert growing is not None
    assert (growing.fragments, growing.duration_ns, growing.size) == (segment.fragments[:3], 3 * S, 1300)
    assert files.segment("door", "sub") is None
    files.take(SegmentClosed(segment))
    assert files.segment("door", "main") is None


def test_lost_news_are_not_papered_over() -> None:
    segment = bare_segment(0)
    files = told(begun(segment), written(segment, 0), written(segment, 2))
    assert files.segment("door", "main") is None
    files = told(written(segment, 0), RunChanged(Run(1, "door", "main", 0)))
    assert files.segment("door", "main") is None
    files = told(begun(segment), written(segment, 0), written(segment, 0), written(replace(segment, id=7), 1))
    growing = files.segment("door", "main")
    assert growing is not None
    assert len(growing.fragments) == 1


def test_a_late_close_does_not_drop_the_next_file() -> None:
    one, two = bare_segment(0), bare_segment(10, number=2)
    files = told(begun(one), written(one, 0), begun(two), written(two, 0), SegmentClosed(one))
    growing = files.segment("door", "main")
    assert growing is not None
    assert growing.id == 2


def test_playback_reaches_up_to_the_present_second() -> None:
    files = MemoryFiles()
    first, second = record(files, packets(range(100)), segment_s=6)[:2]
    news: list[News] = [begun(second), *(written(second, index) for index in range(len(second.fragments) - 1))]
    footage = Footage(FakeRecordings([first]), {STORAGE: files}, told(*news))

    span = footage.span("door", "main", START_NS + 5 * S, START_NS + 100 * S)
    end_ns = second.fragments[-1].utc_ns
    assert abs(span.stretches[-1].utc_ns + span.stretches[-1].duration_ns - end_ns) < S // 1000
    movie = Movie(span, footage.files)
    assert len(b"".join(movie.read())) == movie.size
    assert abs(max(each.utc_ns for each in pictures(span, footage.files)) - (end_ns - S // 10)) < 1000


def test_a_file_that_is_committed_while_it_is_asked_for_is_found_once() -> None:
    segment = bare_segment(0)
    files = told(begun(segment), written(segment, 0))
    footage = Footage(FakeRecordings([segment]), {}, files)
    assert footage.segments("door", "main", START_NS, START_NS + 60 * S) == (segment,)


def test_reading_says_what_is_wrong() -> None:
    files = MemoryFiles()
    (segment,) = record(files, packets(range(10)))
    assert len(read({STORAGE: files}, segment, 10, 20)) == 20
    with pytest.raises(StorageError, match="ends before byte"):
        read({STORAGE: files}, segment, segment.size - 5, 10)
    with pytest.raises(StorageGone, match="not connected"):
        read({}, segment, 0, 1)
    files.content.clear()
    with pytest.raises(FileMissing):
        read({STORAGE: files}, segment, 0, 1)
