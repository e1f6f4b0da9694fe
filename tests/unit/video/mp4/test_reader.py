from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes_recording import MemoryLedger
from recorded_packets import audio_packets, session, together
from recording_session import contents, cuts_of, record
from storage_faults import MemoryDisk
from vedette.model.recording import Segment
from vedette.video.mp4.reader import Index, read_index


@pytest.fixture(scope="module")
def file() -> tuple[Segment, bytes]:
    disk, ledger = MemoryDisk(), MemoryLedger()
    record(disk, ledger, cuts_of(together(session(4, run=0), audio_packets("aac", 4.0)), 1.0, 60.0))
    (segment,) = ledger.segments.values()
    return segment, contents(disk, segment.path)


def reading(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, size: data[offset : offset + size]


def index_of(data: bytes) -> Index | None:
    return read_index(reading(data), len(data))


def test_a_whole_file(file: tuple[Segment, bytes]) -> None:
    segment, data = file
    index = index_of(data)
    assert index is not None
    assert (index.header, index.torn_at, index.damaged) == (segment.header, len(data), ())
    assert index.fragments == segment.fragments
    assert (index.codec, index.audio) == (segment.codec, segment.audio)
    assert (index.facts.camera, index.facts.segment, index.duration_ns) == ("gate", segment.id, segment.duration_ns)


def test_cut_anywhere_it_ends_with_the_last_whole_fragment(file: tuple[Segment, bytes]) -> None:
    segment, data = file
    ends = [segment.header, *(each.offset + each.size for each in segment.fragments)]
    for size in range(0, len(data), 7):
        index = index_of(data[:size])
        if size < segment.header:
            assert index is None
        else:
            assert index is not None
            assert index.torn_at == max(end for end in ends if end <= size)
            assert index.fragments == segment.fragments[: ends.index(index.torn_at)]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_garbage_never_breaks_the_reader(file: tuple[Segment, bytes], data: st.DataObject) -> None:
    segment, whole = file
    at = data.draw(st.integers(0, len(whole)))
    rubbish = data.draw(st.binary(max_size=64))
    for spoilt in (whole[:at] + rubbish, whole[:at] + rubbish + whole[at + len(rubbish) :], rubbish):
        index = index_of(spoilt)
        if index is not None:
            assert index.header <= index.torn_at <= len(spoilt)
            assert all(each.offset + each.size <= index.torn_at for each in index.fragments)
            if at >= segment.header:
                whole_ones = sum(each.offset + each.size <= at for each in segment.fragments)
                assert index.fragments[:whole_ones] == segment.fragments[:whole_ones]


def test_sizes_that_lie_cost_no_memory(file: tuple[Segment, bytes]) -> None:
    segment, data = file
    asked: list[int] = []

    def read(offset: int, size: int) -> bytes:
        asked.append(size)
        return lying[offset : offset + size]

    for claim in (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"):
        place = segment.fragments[1].offset
        lying = data[:place] + claim + data[place + 4 :]
        index = read_index(read, 1 << 40)
        assert index is not None
        assert len(index.fragments) == 1
        lying = claim + data[4:]
        assert read_index(read, 1 << 40) is None
    assert max(asked) < 1 << 20


def test_a_damaged_end_is_torn_and_a_damaged_middle_is_not(file: tuple[Segment, bytes]) -> None:
    segment, data = file
    for number, each in enumerate(segment.fragments):
        place = each.offset + each.size - 2
        index = index_of(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert index is not None
        last = number == len(segment.fragments) - 1
        assert index.damaged == (() if last else (number,))
        assert len(index.fragments) == len(segment.fragments) - last
