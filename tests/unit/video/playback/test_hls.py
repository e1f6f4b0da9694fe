from __future__ import annotations

import io
from dataclasses import replace

import av
import pytest

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record, sound
from vedette.model.errors import FileMissing, StorageError
from vedette.model.recording import Segment
from vedette.model.time import NS_PER_S
from vedette.video.mp4.fragments import read_runs
from vedette.video.playback.hls import Piece, init_bytes, media_bytes, playlist
from vedette.video.playback.span import plan
from video_clips import number_in

S = NS_PER_S


def text(segments: list[Segment], start: float = 0, end: float = 1000, *, growing: bool = False) -> str:
    span = plan(segments, START_NS + round(start * S), START_NS + round(end * S))
    return playlist(span, lambda segment: f"i{segment.id}", media_name, growing=growing)


def media_name(piece: Piece) -> str:
    return f"m{piece.segment.id}/{piece.first}/{piece.count}"


def names(told: str) -> list[tuple[int, int, int]]:
    found = [line[1:].split("/") for line in told.splitlines() if line.startswith("m")]
    return [(int(a), int(b), int(c)) for a, b, c in found]


def tags(told: str, name: str) -> list[str]:
    return [line.partition(":")[2] for line in told.splitlines() if line.startswith(f"#EXT{name}")]


def still(count: int, **options: object) -> list[Segment]:
    files = MemoryFiles()
    return record(files, packets([0] * count, **options))  # type: ignore[arg-type]


def test_a_playlist_lists_every_fragment_once_from_keyframes_on() -> None:
    segments = still(200)
    told = text(segments)

    assert told.startswith("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n#EXT-X-PLAYLIST-TYPE:VOD\n")
    assert told.endswith("#EXT-X-ENDLIST\n")
    assert sum(float(each.rstrip(",")) for each in tags(told, "INF")) == pytest.approx(20)
    by_id = {segment.id: segment for segment in segments}
    listed = [(a, b + i) for a, b, count in names(told) for i in range(count)]
    assert listed == [(segment.id, i) for segment in segments for i in range(len(segment.fragments))]
    assert all(by_id[number].fragments[first].key for number, first, _ in names(told))
    assert tags(told, "-X-MAP") == ['URI="i1"']
    assert "DISCONTINUITY" not in told
    assert tags(told, "-X-PROGRAM-DATE-TIME")[1] == "2026-09-21T14:13:24.000Z"


def test_what_it_names_plays_to_the_pictures_that_went_in() -> None:
    files, made = MemoryFiles(), packets(range(100))
    segments = record(files, made, heard=sound(made))
    by_id = {segment.id: segment for segment in segments}
    told = text(segments, 3.3)
    data = init_bytes(segments[0])
    for number, first, count in names(told):
        data += b"".join(media_bytes({STORAGE: files}, by_id[number], first, count))
    with av.open(io.BytesIO(data), "r") as container:
        numbers = [number_in(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]  # type: ignore[arg-type]
        assert container.streams.audio[0].codec_context.name == "aac"
    assert numbers == list(range(numbers[0], 100))
    assert numbers[0] <= 33
    assert tags(told, "-X-START")[0].startswith(f"TIME-OFFSET={3.3 - numbers[0] / 10:.3f}")


def test_times_are_stream_time_whatever_the_playlist() -> None:
    files = MemoryFiles()
    segments = record(files, packets([0] * 200))
    (data,) = media_bytes({STORAGE: files}, segments[2], 1, 1)
    assert read_runs(data)[1].samples[0].time == 13 * 90_000


def test_gaps_restarts_and_new_codecs_are_discontinuities() -> None:
    files = MemoryFiles()
    whole = record(files, packets([0] * 180))
    restart = record(files, packets([0] * 20, run=2, start_ns=START_NS + 18 * S), first_id=10)
    large = record(files, packets([0] * 20, run=3, start_ns=START_NS + 20 * S, size=(256, 192)), first_id=20)
    told = text([whole[0], whole[2], *restart, *large])
    lines = told.splitlines()

    assert lines.count("#EXT-X-DISCONTINUITY") == 3
    assert tags(told, "-X-MAP") == ['URI="i1"', 'URI="i20"']
    after = [lines[i + 1] for i, line in enumerate(lines) if line == "#EXT-X-DISCONTINUITY"]
    assert after[0] == "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:32.000Z"
    assert after[2] == '#EXT-X-MAP:URI="i20"'


def test_a_growing_playlist_only_ever_adds_to_its_end() -> None:
    segments = still(200, group=30)
    before = ""
    for count in range(1, 21):
        known, left = [], count
        for segment in segments:
            known.append(replace(segment, fragments=segment.fragments[:left]))
            left = max(0, left - len(segment.fragments))
        told = text([each for each in known if each.fragments], growing=True)
        assert "ENDLIST" not in told
        assert "PLAYLIST-TYPE:EVENT" in told
        assert told.startswith(before)
        before = told
    assert len(names(before)) >= 3


def test_long_gops_are_cut_between_keyframes() -> None:
    told = text(still(200, group=200))
    assert [count for _, _, count in names(told)] == [8, 8, 4]


def test_a_playlist_of_nothing() -> None:
    assert names(text([])) == []
    assert text([]).endswith("#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (0, -1), (5, 100), (100, 1)])
def test_names_made_up_are_refused(first: int, count: int) -> None:
    (segment, *_) = still(30)
    with pytest.raises(FileMissing):
        next(media_bytes({}, segment, first, count))


def test_damage_is_told() -> None:
    files = MemoryFiles()
    (segment,) = record(files, packets([0] * 10))
    files.content[segment.path] = bytes(segment.size)
    with pytest.raises(StorageError, match="damaged at byte"):
        next(media_bytes({STORAGE: files}, segment, 0, 1))


def test_sound_that_phones_do_not_play_is_left_out() -> None:
    files, made = MemoryFiles(), packets([0] * 10)
    (plain,) = record(files, made, heard=sound(made))
    other = replace(plain, audio=replace(plain.audio, name="pcm_alaw", extradata=b""))  # type: ignore[type-var]
    assert b"soun" not in init_bytes(other)
    (data,) = media_bytes({STORAGE: files}, other, 0, 1)
    assert b"free" in data
