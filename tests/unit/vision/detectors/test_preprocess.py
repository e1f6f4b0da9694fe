from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vedette.model.errors import DetectorError
from vedette.vision.detectors.preprocess import InputForm, check, place, prepare


def test_a_letterbox_puts_the_picture_to_the_top_left_on_114() -> None:
    image = np.full((10, 20, 3), (1, 2, 3), np.uint8)
    tensor, where = prepare(image, InputForm(40, 40))
    assert (where.left, where.top, where.width, where.height) == (0, 0, 40, 20)
    assert tensor.shape == (1, 3, 40, 40)
    assert tensor.dtype == np.float32
    for channel, value in enumerate((1, 2, 3)):
        assert (tensor[0, channel, :20] == value).all()
    assert (tensor[0, :, 20:] == 114).all()


def test_a_centred_letterbox_shares_the_border() -> None:
    tensor, where = prepare(np.zeros((10, 20, 3), np.uint8), InputForm(40, 40, resize="letterbox-centre"))
    assert where.top == 10
    assert (tensor[0, :, :10] == 114).all()
    assert (tensor[0, :, 10:30] == 0).all()
    assert (tensor[0, :, 30:] == 114).all()


def test_stretch_fills_the_canvas() -> None:
    tensor, where = prepare(np.zeros((10, 20, 3), np.uint8), InputForm(40, 40, resize="stretch"))
    assert (tensor == 0).all()
    np.testing.assert_allclose(where.to_picture(np.array([[10.0, 10.0, 20.0, 30.0]])), [[0.25, 0.25, 0.5, 0.75]])


def test_colour_scale_mean_and_std_are_those_of_the_network() -> None:
    form = InputForm(4, 4, colour="rgb", scale=0.01, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    tensor, _ = prepare(np.full((4, 4, 3), (10, 20, 30), np.uint8), form)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [(0.3 - 0.1) / 0.5, 0.0, (0.1 - 0.3) / 2], atol=1e-6)


def test_channels_last_and_bytes() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    tensor, _ = prepare(image, InputForm(4, 4, layout="nhwc", dtype="uint8"))
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(tensor[0], image)


@pytest.mark.parametrize(
    ("width", "height", "canvas"),
    [
        (1280, 720, (416, 256)),
        (720, 1280, (256, 416)),
        (768, 576, (416, 320)),
        (500, 500, (416, 416)),
        (4000, 10, (416, 32)),
    ],
)
def test_what_the_letterbox_leaves_empty_is_cut_off(width: int, height: int, canvas: tuple[int, int]) -> None:
    assert place(width, height, InputForm(416, 416, multiple=32)).canvas == canvas
    assert place(width, height, InputForm(416, 416)).canvas == (416, 416)


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    multiple=st.sampled_from([0, 32]),
    resize=st.sampled_from(["letterbox", "letterbox-centre", "stretch"]),
)
def test_the_corners_of_the_picture_come_back_as_the_unit_square(
    width: int, height: int, multiple: int, resize: str
) -> None:
    form = InputForm(416, 256, multiple=multiple, resize=resize)  # type: ignore[arg-type]
    where = place(width, height, form)
    assert where.left >= 0
    assert where.top >= 0
    assert where.left + where.width <= where.canvas[0] <= 416
    assert where.top + where.height <= where.canvas[1] <= 256
    corners = np.array([[where.left, where.top, where.left + where.width, where.top + where.height]], float)
    np.testing.assert_allclose(where.to_picture(corners), [[0, 0, 1, 1]])


def test_boxes_beyond_the_picture_are_cut_at_its_border() -> None:
    where = place(100, 50, InputForm(100, 100))
    np.testing.assert_allclose(where.to_picture(np.array([[-10.0, 10.0, 50.0, 90.0]])), [[0, 0.2, 0.5, 1.0]])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_anything_but_a_colour_picture_is_refused_with_its_shape(image: NDArray[Any]) -> None:
    with pytest.raises(DetectorError, match=r"must be uint8 of shape \(height, width, 3\), not \w+ of shape \("):
        check(image)
