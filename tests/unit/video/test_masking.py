"""A covered source: nothing of what a mask covers is left in any packet."""

from itertools import pairwise

import numpy as np
import pytest

from vedette.model.masks import GREY, Masks
from vedette.model.media import Packet
from vedette.simulator.source import SimOptions, build
from vedette.video.masking import MaskedSource
from vedette.video.packet_decoder import PacketDecoder

ZONE = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
ADDRESS = "sim:shop-entrance?seconds=2&fps=10&size=320x180&people=6"


def pictures(packets: list[Packet]) -> list[np.ndarray]:
    decoder = PacketDecoder(packets[0].codec)
    decoded = [pair for packet in [*packets, None] for pair in decoder.pictures(packet)]
    return [decoder.image(picture) for picture, _ in decoded]


def test_every_picture_is_covered_and_keeps_its_time() -> None:
    plain = list(build(SimOptions(), ADDRESS).open().packets())
    covered = list(MaskedSource(build(SimOptions(), ADDRESS), Masks([ZONE])).open().packets())
    assert [packet.at for packet in covered] == [packet.at for packet in plain]
    assert [packet.number for packet in covered] == list(range(len(plain)))
    assert covered[0].key
    assert all(a.dts_ns < b.dts_ns for a, b in pairwise(covered))
    for before, after in zip(pictures(plain), pictures(covered), strict=True):
        assert np.abs(after[:, 168:].astype(int) - GREY).max() < 12
        assert np.abs(after[:, :150].astype(int) - before[:, :150]).mean() < 6


def test_frames_are_covered_too() -> None:
    frames = list(MaskedSource(build(SimOptions(), ADDRESS), Masks([ZONE])).open().frames(0.0, 0.3))
    assert len(frames) == 3
    assert all((frame.image[:, 160:] == GREY).all() for frame in frames)


def test_a_pixel_that_a_zone_only_touches_is_covered() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    covered = Masks([((0.55, 0.55), (0.56, 0.55), (0.56, 0.61), (0.55, 0.61))]).cover(image)
    assert not image.any()
    assert covered[5, 5].all()


def test_nothing_to_cover_copies_nothing() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert Masks([]).cover(image) is image
    assert not Masks([])


def test_a_line_is_no_zone() -> None:
    with pytest.raises(ValueError, match="area"):
        Masks([((0, 0), (0.5, 0), (1, 0))])
