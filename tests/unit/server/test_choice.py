import pytest

from vedette.model.media import Codec
from vedette.server.choice import choose, playable
from vedette.server.problems import Problem

H264, H265, MJPEG = (Codec(name, b"", 1920, 1080) for name in ("h264", "hevc", "mjpeg"))
BOTH = ("main", "sub")


def test_the_first_stream_that_can_be_played_and_nothing_to_explain_when_it_is_the_main_one() -> None:
    choice = choose(BOTH, {"main": H264, "sub": H264}, {"avc1"})
    assert choice is not None
    assert (choice.stream, choice.transcoded, choice.why) == ("main", False, "")


def test_h265_goes_to_who_can_play_it() -> None:
    choice = choose(BOTH, {"main": H265}, {"avc1", "hvc1"})
    assert choice is not None
    assert choice.stream == "main"


def test_the_sub_stream_instead_and_why() -> None:
    choice = choose(BOTH, {"main": H265, "sub": H264}, {"avc1"})
    assert choice is not None
    assert (choice.stream, choice.transcoded) == ("sub", False)
    assert "cannot play the H.265 of the main stream" in choice.why


def test_transcoded_from_the_smallest_when_nothing_else_is_left_and_why() -> None:
    choice = choose(BOTH, {"main": H265, "sub": MJPEG}, {"avc1"})
    assert choice is not None
    assert (choice.stream, choice.transcoded) == ("sub", True)
    assert "converted to H.264" in choice.why


def test_waits_for_what_could_decide_otherwise() -> None:
    assert choose(BOTH, {}, {"avc1"}) is None
    assert choose(BOTH, {"main": H265}, {"avc1"}) is None
    assert choose(BOTH, {"sub": H264}, {"avc1"}) is None


def test_nothing_for_who_can_play_neither_the_stream_nor_h264() -> None:
    assert choose(("main",), {"main": H265}, {"av01"}) is None


def test_what_a_browser_says() -> None:
    assert playable("avc1, HEV1,hvc1,vp09") == {"avc1", "hvc1"}


@pytest.mark.parametrize("can", ["", ",", "vp8", "h264", "x" * 100, "avc1.640028"])
def test_a_browser_that_can_play_nothing_known(can: str) -> None:
    with pytest.raises(Problem, match="can: name what"):
        playable(can)
