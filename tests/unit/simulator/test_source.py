import av
import numpy as np
import pytest

from vedette.model.errors import ConfigError, SourceError
from vedette.simulator.source import EPOCH_UTC_NS, SPEC, SimOptions, SimSource, build

ADDRESS = "sim:shop-entrance?seed=2&seconds=2&fps=5&size=320x180&people=4"


def source(address: str = ADDRESS) -> SimSource:
    return build(SimOptions(), address)


def test_frames_have_index_and_capture_time() -> None:
    stream = source().open()
    assert (stream.info.width, stream.info.height, stream.info.fps) == (320, 180, 5.0)
    assert (stream.info.frames, stream.info.duration_s, stream.info.live) == (10, 2.0, False)
    frames = list(stream.frames())
    assert [frame.index for frame in frames] == list(range(10))
    assert [round(frame.at.stream_s, 6) for frame in frames] == [round(i / 5, 6) for i in range(10)]
    assert all(frame.at.utc_ns - EPOCH_UTC_NS == frame.at.stream_ns for frame in frames)
    assert frames[0].image.shape == (180, 320, 3)


def test_a_part_is_the_same_as_that_part_of_the_whole() -> None:
    whole = list(source().open().frames())
    part = list(source().open().frames(0.5, 1.2))
    assert [frame.index for frame in part] == [3, 4, 5]
    assert np.array_equal(part[0].image, whole[3].image)
    assert list(source().open().frames(5.0)) == []
    assert list(source().open().frames(1.0, 1.0)) == []


def test_packets_are_h264_that_decodes_to_the_same_pictures() -> None:
    packets = list(source().open().packets())
    assert packets[0].key
    assert len(packets) == 10
    assert packets[0].data.startswith(packets[0].codec.extradata)
    assert packets[0].codec.extradata
    assert [p.at.stream_s for p in packets] == pytest.approx([i / 5 for i in range(10)])
    decoder = av.CodecContext.create("h264", "r")
    pictures = [f for p in packets for f in decoder.decode(av.Packet(p.data))] + list(decoder.decode(None))
    assert len(pictures) == 10
    first = next(source().open().frames()).image
    assert np.abs(pictures[0].to_ndarray(format="bgr24").astype(int) - first).mean() < 8


def test_a_stream_is_read_once_and_may_be_closed_in_the_middle() -> None:
    stream = source().open()
    frames = stream.frames()
    next(frames)
    with pytest.raises(SourceError, match="open it again"):
        next(stream.frames())
    stream.close()
    stream.close()
    assert list(frames) == []


def test_options_are_defaults_for_the_address() -> None:
    stream = build(SimOptions(seconds=3.0, size="320x180", fps=4.0), "sim:fence-line?fps=2").open()
    assert (stream.info.frames, stream.info.width) == (6, 320)
    assert SPEC.name == "sim"
    assert SPEC.options is SimOptions


def test_an_unknown_scene_is_answered_with_the_list() -> None:
    with pytest.raises(SourceError, match="known are shop-entrance, fence-line"):
        source("sim:car-wash")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sed=1", "unknown parameter 'sed'"),
        ("seed=one", "seed must be a number"),
        ("seed=1&seed=2", "twice"),
        ("size=big", "size must look like"),
        ("light=noon", "light must be one of"),
        ("fps=nan", "fps"),
        ("seconds=-3", "seconds"),
    ],
)
def test_wrong_parameters_are_one_clear_line(query: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        source(f"sim:shop-entrance?{query}")
    assert "\n" not in str(caught.value)
