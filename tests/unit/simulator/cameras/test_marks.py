import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.simulator.cameras.marks import draw_number, frame_number


@given(number=st.integers(0, (1 << 20) - 1), width=st.integers(128, 700), height=st.integers(72, 400))
def test_the_number_that_was_drawn_is_read(number: int, width: int, height: int) -> None:
    luma = np.full((height, width), 120, np.uint8)
    draw_number(luma, number)
    assert frame_number(luma) == number
    assert frame_number(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR).astype(np.uint8)) == number


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720), (500, 281)])
def test_it_survives_scaling_noise_and_compression(size: tuple[int, int]) -> None:
    luma = np.full((1080, 1920), 100, np.uint8)
    draw_number(luma, 0xA5C3B)
    scaled = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    noisy = np.clip(scaled + np.random.default_rng(1).normal(0, 8, scaled.shape), 0, 255).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    assert frame_number(np.asarray(coded, np.uint8)) == 0xA5C3B


@pytest.mark.parametrize("shade", [0, 16, 120, 235, 255])
def test_a_picture_without_a_number_has_none(shade: int) -> None:
    assert frame_number(np.full((90, 160, 3), shade, np.uint8)) is None


def test_half_a_number_is_none() -> None:
    """As when the upper part of a picture was lost and is another frame's."""
    a, b = np.full((90, 160), 120, np.uint8), np.full((90, 160), 120, np.uint8)
    draw_number(a, 0x01234)
    draw_number(b, 0x01235)
    a[:, 80:] = 120
    assert frame_number(a) is None
    assert frame_number(b) == 0x01235
