import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.simulator.cameras.rtsp import Malformed, Reader, Request, Way, answer, way

STREAM = (
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    b"$\x01\x00\x08reports!"
    b"SET_PARAMETER rtsp://h/a%20b/main RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nbody"
    b"TEARDOWN rtsp://h/x/main/track0 RTSP/1.0\r\ncseq:3\r\nSession:  abc;timeout=60\r\n\r\n"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_it_does_not_matter_where_the_network_cuts(cuts: list[int]) -> None:
    reader, found = Reader(), list[Request | bytes]()
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        found += reader.feed(STREAM[start:end])
    first, report, second, third = found
    assert report == b"reports!"
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert isinstance(third, Request)
    assert first.path == ()
    assert second.path == ("a b", "main")
    assert third.headers == {"cseq": "3", "session": "abc;timeout=60"}


@given(st.binary(max_size=400))
def test_nothing_but_its_own_error_comes_of_garbage(data: bytes) -> None:
    with suppress(Malformed):
        list(Reader().feed(data + b"\r\n\r\n"))


def test_a_header_without_end_is_given_up() -> None:
    reader = Reader()
    lines = itertools.repeat(b"X-Filler: " + b"f" * 4000 + b"\r\n", 100)
    with pytest.raises(Malformed):
        list(itertools.chain.from_iterable(map(reader.feed, lines)))


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2-3", Way("tcp", (2, 3))),
        ("RTP/AVP;unicast;client_port=5000-5001", Way("udp", (5000, 5001))),
        ("RTP/AVP/UDP;unicast;client_port=5000", Way("udp", (5000, 5001))),
        ("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=0-1", Way("tcp", (0, 1))),
        ("RTP/SAVP;unicast;client_port=5000-5001", None),
        ("RTP/AVP/TCP;interleaved=255-256", None),
        ("RTP/AVP;client_port=70000-70001", None),
        ("RTP/AVP/TCP", None),
        ("", None),
    ],
)
def test_transports(offer: str, expected: Way | None) -> None:
    assert way(offer) == expected


def test_answers_carry_number_and_length() -> None:
    request = Request("DESCRIBE", "rtsp://h/x", {"cseq": "7"})
    coded = answer(200, request, {"Content-Base": "rtsp://h/x/"}, "v=0\r\n")
    assert coded.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n")
    assert coded.endswith(b"Content-Length: 5\r\n\r\nv=0\r\n")
