from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_packets import FPS, audio_packets, later, session, together, video_packets
from recording_session import cuts_of
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.video.mp4.fragments import Sample, ticks
from vedette.video.mp4.parameter_sets import annex_b
from vedette.video.recording.fragmenter import MOST_BYTES, MOST_PICTURES, Cut, Fragmenter

STEP = NS_PER_S // FPS
CODEC = video_packets("h264", 25)[0].codec
TONE = Codec("pcm_alaw", rate=8000, channels=1)


def fake(at_ns: int, *, key: bool = False, size: int = 20, dts_ns: int | None = None, codec: Codec = CODEC) -> Packet:
    """A packet whose content nobody decodes."""
    data = b"\x00\x00\x00\x01" + bytes([0x65 if key else 0x41]) + b"x" * size
    return Packet("gate", "main", data, Instant(at_ns, at_ns), at_ns if dts_ns is None else dts_ns, key, codec)


def tone(at_ns: int, codec: Codec = TONE) -> Packet:
    return Packet("gate", "main", b"y" * 160, Instant(at_ns, at_ns), at_ns, True, codec)


def run_of(seconds: float, group: int, fps: int = FPS) -> list[Packet]:
    return [fake(number * NS_PER_S // fps, key=number % group == 0) for number in range(round(seconds * fps))]


def lengths(cuts: Sequence[Cut]) -> list[float]:
    return [round(cut.duration_ns / NS_PER_S, 3) for cut in cuts]


def files(cuts: Sequence[Cut]) -> list[list[Cut]]:
    found: list[list[Cut]] = []
    for cut in cuts:
        if cut.begins:
            found.append([])
        found[-1].append(cut)
    return found


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (25, [1.0, 1.0, 1.0, 1.0]),
        (50, [1.0, 1.0, 1.0, 1.0]),
        (30, [1.0, 0.2, 1.0, 0.2, 1.0, 0.2, 0.4]),
        (10, [0.8, 0.8, 0.8, 0.8, 0.8]),
        (1, [0.52] * 7 + [0.36]),
        (1000, [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_fragments_end_at_keyframes_and_in_time(group: int, expected: list[float]) -> None:
    cuts = cuts_of(run_of(4, group))
    assert lengths(cuts) == expected
    assert sum(len(cut.video) for cut in cuts) == 100


def test_pictures_before_the_first_keyframe_are_left_out_and_counted() -> None:
    fragmenter = Fragmenter()
    packets = run_of(2, 25)[10:]
    cuts = [cut for packet in packets for cut in fragmenter.take(packet)] + fragmenter.flush()
    assert fragmenter.dropped == 15
    assert cuts[0].begins is not None
    assert cuts[0].begins.at == packets[15].at
    assert cuts[0].video[0].key
    assert Fragmenter().flush() == []


def test_every_file_begins_with_a_keyframe_about_every_minute() -> None:
    found = files(cuts_of(run_of(300, 100)))
    assert all(file[0].video[0].key for file in found)
    spans = [sum(cut.duration_ns for cut in file) / NS_PER_S for file in found]
    assert 15 <= spans[0] <= 64
    assert all(span == 60 for span in spans[1:-1])
    assert sum(spans) == pytest.approx(300)


def test_cameras_do_not_begin_their_files_together() -> None:
    firsts = set()
    for number in range(24):
        packets = [replace(packet, camera=f"camera-{number}") for packet in run_of(62, 25)]
        firsts.add(len(files(cuts_of(packets))[0]))
    assert len(firsts) > 12


def test_times_are_exact_from_beginning_to_end_and_never_drift() -> None:
    packets = run_of(20, 30, fps=30)
    for file in files(cuts_of(packets, 1.0, 8.0)):
        start = file[0].begins
        assert start is not None
        samples = [sample for cut in file for sample in cut.video]
        assert samples[0].time == 0
        for before, sample in pairwise(samples):
            assert sample.time == before.time + before.duration
        mine = [packet for packet in packets if packet.at >= start.at][: len(samples)]
        for packet, sample in zip(mine, samples, strict=True):
            assert sample.time + sample.offset == ticks(packet.at.stream_ns - start.at.stream_ns)


@pytest.mark.parametrize("b_frames", [0, 1, 3])
def test_b_frames_keep_their_order_and_files_still_join(b_frames: int) -> None:
    packets = session(6, b_frames=b_frames)
    found = files(cuts_of(packets, 1.0, 2.0))
    shown = []
    for file in found:
        start = file[0].begins
        assert start is not None
        samples = [sample for cut in file for sample in cut.video]
        assert samples[0].offset == 0
        shown += [start.at.stream_ns + (each.time + each.offset) * NS_PER_S // 90_000 for each in samples]
    assert shown == [packet.at.stream_ns for packet in packets]
    starts = [file[0].begins.at.stream_ns for file in found if file[0].begins]
    spans = [sum(cut.duration_ns for cut in file) for file in found]
    assert [start + span for start, span in zip(starts[:-1], spans[:-1], strict=True)] == starts[1:]


def test_the_last_picture_lasts_as_long_as_the_one_before() -> None:
    assert cuts_of(run_of(1, 25, fps=10))[-1].video[-1].duration == 9000
    assert cuts_of([fake(0, key=True)])[0].video[0].duration == 3600


def test_another_codec_begins_another_file_at_its_first_keyframe() -> None:
    other = replace(CODEC, width=64)
    packets = [*run_of(1, 25), *(fake(NS_PER_S + n * STEP, key=n == 10, codec=other) for n in range(20))]
    found = files(cuts_of(packets))
    assert [file[0].begins.codec.width for file in found if file[0].begins] == [128, 64]
    assert sum(len(cut.video) for cut in found[1]) == 10
    assert sum(cut.duration_ns for cut in found[0]) == NS_PER_S


def test_a_source_that_says_nothing_is_believed_by_its_keyframes() -> None:
    first, second = video_packets("h264", 25), video_packets("h264", 25, size=(64, 48))
    bare = [replace(packet, codec=replace(packet.codec, extradata=b"")) for packet in first]
    silent = Codec("h264")
    packets = bare + later(bare, NS_PER_S)
    assert len(files(cuts_of(packets))) == 1
    mixed = [replace(packet, codec=silent) for packet in [*first, *later(second, NS_PER_S)]]
    found = [file[0].begins.codec for file in files(cuts_of(mixed)) if file[0].begins]
    assert [(codec.width, codec.height) for codec in found] == [(128, 96), (64, 48)]
    assert found[0] == CODEC
    # What containers call extradata is no Annex B, and is not taken for it.
    boxed = [replace(packet, codec=replace(packet.codec, extradata=b"\x01\x64\x00")) for packet in first]
    (file,) = files(cuts_of(boxed))
    assert file[0].begins is not None
    assert file[0].begins.codec == CODEC


def test_pictures_no_file_can_hold_are_refused_with_a_line_and_no_error() -> None:
    fragmenter = Fragmenter()
    for number in range(30):
        assert fragmenter.take(fake(number * STEP, key=True, codec=Codec("h264"))) == []
    assert fragmenter.dropped == 30
    assert "h264" in fragmenter.refused
    assert len(fragmenter.take(fake(40 * STEP, key=True))) == 0
    assert len(fragmenter.flush()) == 1


def test_a_new_run_begins_a_new_file() -> None:
    packets = [*run_of(1, 25), *(replace(packet, run=2) for packet in run_of(1, 25))]
    found = files(cuts_of(packets))
    assert [file[0].begins.run for file in found if file[0].begins] == [0, 2]
    assert [len(cut.video) for file in found for cut in file] == [25, 25]


def test_a_clock_that_stands_still_loses_nothing_and_ends_fragments() -> None:
    packets = [fake(number * 1_000_000, key=number == 0) for number in range(1000)]
    cuts = cuts_of(packets)
    assert max(len(cut.video) for cut in cuts) == MOST_PICTURES
    same = [fake(0, key=number == 0) for number in range(600)]
    samples = [sample for cut in cuts_of(same) for sample in cut.video]
    assert [sample.time for sample in samples] == list(range(600))
    assert all(sample.duration >= 1 for sample in samples)
    assert len(samples) == 600


def test_large_pictures_end_fragments() -> None:
    cuts = cuts_of([fake(number * STEP, key=number == 0, size=3 << 20) for number in range(20)])
    assert max(cut.size for cut in cuts) < MOST_BYTES + (4 << 20)
    assert len(cuts) > 5


@pytest.mark.parametrize("leap_s", [-3600, -5, 700, 50 * 3600])
def test_a_leap_of_the_decoding_time_begins_a_new_file(leap_s: int) -> None:
    leap = leap_s * NS_PER_S
    packets = [*run_of(2, 25), *later(run_of(2, 25), 2 * NS_PER_S + leap)]
    found = files(cuts_of(packets))
    assert len(found) == 2
    assert all(cut.duration_ns <= 2 * NS_PER_S for file in found for cut in file)


def test_a_short_pause_is_a_long_picture() -> None:
    packets = [*run_of(2, 25), *later(run_of(2, 25), 60 * NS_PER_S)]
    cuts = cuts_of(packets)
    assert cuts[1].video[-1].duration == ticks(58 * NS_PER_S + STEP)


def sound_of(cuts: Sequence[Cut]) -> list[Sample]:
    return [sample for cut in cuts for sample in cut.audio]


@pytest.mark.parametrize("late_ms", [0, 30, 200, 450])
def test_no_sound_is_lost_where_files_change_however_late_it_comes(late_ms: int) -> None:
    pictures = run_of(20, 25)
    sounds = [tone(number * 20_000_000) for number in range(1000)]
    arriving = sorted(
        [(packet.dts_ns, 0, packet) for packet in pictures]
        + [(packet.dts_ns + late_ms * 1_000_000, 1, packet) for packet in sounds],
        key=lambda item: item[:2],
    )
    found = files(cuts_of([packet for *_, packet in arriving], 1.0, 4.0))
    assert len(found) > 3
    total = 0
    for file in found:
        start = file[0].begins
        assert start is not None
        assert start.audio == TONE
        samples = sound_of(file)
        assert [each.time for each in samples] == [samples[0].time + 160 * n for n in range(len(samples))]
        first_ns = start.at.stream_ns + samples[0].time * 125_000
        assert first_ns - start.at.stream_ns < 20_000_000
        total += len(samples)
    assert total == 1000


def test_sound_that_is_far_too_late_is_left_out_and_holds_nothing_up() -> None:
    packets: list[Packet] = []
    for packet in run_of(20, 25):
        packets.append(packet)
        if packet.dts_ns >= 3 * NS_PER_S and packet.dts_ns % (2 * STEP) == 0:
            packets.append(tone(packet.dts_ns - 3 * NS_PER_S))
    cuts = cuts_of(packets, 1.0, 4.0)
    assert sum(len(cut.video) for cut in cuts) == 500
    assert lengths(cuts) == [1.0] * 20


def test_sound_that_begins_later_gets_a_track_in_the_next_file() -> None:
    pictures = run_of(8, 25)
    sounds = [tone(3 * NS_PER_S + number * 20_000_000) for number in range(250)]
    found = files(cuts_of(together(pictures, sounds)))
    assert [file[0].begins.audio for file in found if file[0].begins] == [None, TONE]
    assert sum(len(cut.video) for file in found for cut in file) == 200
    assert len(sound_of(found[1])) == 200


def test_sound_that_ends_has_no_track_in_the_next_file() -> None:
    pictures = run_of(20, 25)
    sounds = [tone(number * 20_000_000) for number in range(100)]
    found = files(cuts_of(together(pictures, sounds), 1.0, 6.0))
    tracks = [file[0].begins.audio for file in found if file[0].begins]
    assert tracks[0] == TONE
    assert tracks[-1] is None


def test_sound_no_file_can_hold_is_left_out_and_told_of() -> None:
    fragmenter = Fragmenter()
    strange = Codec("adpcm_g726", rate=8000, channels=1)
    cuts = []
    for picture in run_of(2, 25):
        cuts += fragmenter.take(picture)
        cuts += fragmenter.take(tone(picture.dts_ns, strange))
    cuts += fragmenter.flush()
    assert "adpcm_g726" in fragmenter.refused
    assert sum(len(cut.video) for cut in cuts) == 50
    assert cuts[0].begins is not None
    assert cuts[0].begins.audio is None


def test_every_sound_of_a_real_stream_stays() -> None:
    packets = together(session(4, run=0), audio_packets("aac", 4.0))
    cuts = cuts_of(packets)
    sounds = [packet.data for packet in packets if packet.codec.medium == "audio"]
    assert [sample.data for sample in sound_of(cuts)] == sounds


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(-50_000_000, 400_000_000), min_size=1, max_size=120),
    keys=st.integers(1, 40),
    fragment_s=st.floats(0.2, 3.0),
    segment_s=st.floats(1.0, 10.0),
)
def test_whatever_the_times_no_picture_is_lost_and_order_holds(
    steps: list[int], keys: int, fragment_s: float, segment_s: float
) -> None:
    packets, at = [], 0
    for number, step in enumerate(steps):
        packets.append(fake(at, key=number % keys == 0, size=number))
        at += step
    cuts = cuts_of(packets, fragment_s, segment_s)
    assert [annex_b(sample.data) for cut in cuts for sample in cut.video] == [packet.data for packet in packets]
    for file in files(cuts):
        time = 0
        for sample in (sample for cut in file for sample in cut.video):
            assert sample.time == time
            assert sample.duration > 0
            time += sample.duration
