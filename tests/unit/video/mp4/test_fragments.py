from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_packets import UTC_NS, video_packets
from recording_session import cuts_of
from vedette.model.time import NS_PER_S
from vedette.video.mp4.boxes import find, walk
from vedette.video.mp4.fragments import (
    Sample,
    fragment,
    is_intact,
    nanoseconds,
    read_runs,
    rebase,
    ticks,
    wall_time,
)
from vedette.video.mp4.init import movie
from video_clips import number_in

PICTURE = Sample(b"picture", 90_000, 3600, -40, True)
SOUND = Sample(b"sound", 8000, 160)

samples = st.builds(
    Sample,
    st.binary(max_size=40),
    st.just(0),
    st.integers(0, 2**32 - 1),
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.booleans(),
)


def placed(some: list[Sample], start: int) -> tuple[Sample, ...]:
    """The same samples one after the other."""
    found = []
    for each in some:
        found.append(Sample(each.data, start, each.duration, each.offset, each.key))
        start += each.duration
    return tuple(found)


@settings(max_examples=150, deadline=None)
@given(
    video=st.lists(samples, min_size=1, max_size=8),
    audio=st.lists(samples, max_size=8),
    start=st.integers(0, 2**50),
    sequence=st.integers(0, 2**32 - 1),
    utc_ns=st.integers(0, 4 * 10**18),
    descriptions=st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)),
)
def test_what_is_written_is_read_back(  # noqa: PLR0917
    video: list[Sample],
    audio: list[Sample],
    start: int,
    sequence: int,
    utc_ns: int,
    descriptions: tuple[int, int],
) -> None:
    pictures, sounds = placed(video, start), placed(audio, start // 2)
    data = fragment(
        sequence, pictures, sounds, utc_ns, video_description=descriptions[0], audio_description=descriptions[1]
    )
    runs = read_runs(data)
    assert runs[1].samples == pictures
    assert runs[1].description == descriptions[0]
    assert runs[1].duration == sum(each.duration for each in pictures)
    assert (runs[2].samples if sounds else ()) == sounds
    assert wall_time(data) == utc_ns
    assert is_intact(data)


@pytest.mark.parametrize("year", [1970, 1999, 2025, 2036, 2037, 2100])
def test_wall_clock_times_past_the_end_of_an_ntp_era(year: int) -> None:
    utc_ns = (year - 1970) * 31_556_952 * NS_PER_S + 123_456_789
    assert wall_time(fragment(1, [PICTURE], utc_ns=utc_ns)) == utc_ns


def test_boxes_are_what_the_standard_says() -> None:
    data = fragment(7, [PICTURE], [SOUND], UTC_NS)
    assert [box.kind for box in walk(data)] == [b"prft", b"moof", b"mdat"]
    moof = find(data, (b"moof",))
    assert [box.kind for box in walk(data, moof.inside, moof.end)] == [b"mfhd", b"traf", b"traf", b"uuid"]
    head = find(data, (b"moof", b"traf", b"tfhd"))
    assert data[head.inside : head.end] == struct.pack(">III", 0x020002, 1, 1)
    clock = find(data, (b"moof", b"traf", b"tfdt"))
    assert data[clock.inside : clock.end] == struct.pack(">IQ", 1 << 24, 90_000)
    table = find(data, (b"moof", b"traf", b"trun"))
    assert data[table.inside : table.inside + 4] == b"\x01\x00\x0f\x01"
    assert data[-12:] == b"picturesound"


def test_a_fragment_moves_in_place() -> None:
    data = fragment(7, [PICTURE], [SOUND], UTC_NS)
    moved = rebase(memoryview(data), 9, {1: 5_000_000_000, 2: 77}, {1: 3, 2: 4})
    assert len(moved) == len(data)
    assert is_intact(moved)
    runs = read_runs(moved)
    assert (runs[1].samples[0].time, runs[1].description) == (5_000_000_000, 3)
    assert (runs[2].samples[0].time, runs[2].description) == (77, 4)
    assert runs[1].samples[0].data == b"picture"
    assert wall_time(moved) == UTC_NS
    assert moved == fragment(
        9,
        [Sample(b"picture", 5_000_000_000, 3600, -40)],
        [Sample(b"sound", 77, 160)],
        UTC_NS,
        video_description=3,
        audio_description=4,
    )
    assert rebase(moved, 7, {1: 90_000, 2: 8000}, {1: 1, 2: 1}) == data
    assert rebase(data, 7) == data


@pytest.mark.parametrize("nonsense", [b"", b"\x00" * 40, b"\x00\x00\x00\x08moof"[:7], b"\x00\x00\x00\x10mdat12345678"])
def test_what_is_no_fragment_is_not_moved_or_read(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r"box|fragment"):
        rebase(nonsense, 1)
    with pytest.raises(ValueError, match=r"box|fragment"):
        read_runs(nonsense)


def test_every_cut_and_every_flipped_bit_is_noticed_or_harmless() -> None:
    data = fragment(7, [PICTURE, Sample(b"more", 93_600, 3600)], [SOUND], UTC_NS)
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            read_runs(data[:size])
    mdat = find(data, (b"mdat",))
    for place in range(len(data)):
        spoilt = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        try:
            runs = read_runs(spoilt)
        except ValueError:
            continue
        # Times, flags and descriptions are not under the checksum, since playback changes them.
        assert place < mdat.inside
        assert [each.data for run in runs.values() for each in run.samples] == [b"picture", b"more", b"sound"]


def test_one_film_of_fragments_of_several_codecs_and_places() -> None:
    first, second = video_packets("h264", 25), video_packets("h264", 25, size=(64, 48))
    film = movie((first[0].codec, second[0].codec))
    for number, (packets, description) in enumerate([(first, 1), (second, 2), (first, 1)]):
        (cut,) = cuts_of(packets)
        film += rebase(fragment(1, cut.video), number + 1, {1: number * 90_000}, {1: description})
    sizes, times, numbers = [], [], []
    with av.open(io.BytesIO(film), "r") as container:
        for frame in container.decode(video=0):
            sizes.append(frame.width)
            times.append(frame.time)
            numbers.append(number_in(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)))
    assert sizes == [128] * 25 + [64] * 25 + [128] * 25
    assert times == pytest.approx([number / 25 for number in range(75)])
    assert numbers == list(range(25)) * 3


@given(ns=st.integers(-(10**18), 10**18), timescale=st.sampled_from([8000, 16000, 44100, 48000, 90000]))
def test_ticks_are_the_nearest(ns: int, timescale: int) -> None:
    assert abs(ticks(ns, timescale) * NS_PER_S - ns * timescale) * 2 <= NS_PER_S
    assert ticks(nanoseconds(ticks(ns, timescale), timescale), timescale) == ticks(ns, timescale)
