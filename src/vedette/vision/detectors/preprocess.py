"""Pictures to network inputs, and how to find the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats
from vedette.model.errors import DetectorError
from vedette.model.media import Image

Resize = Literal["letterbox", "letterbox-centre", "stretch"]
Layout = Literal["nchw", "nhwc"]
Colour = Literal["bgr", "rgb"]
Tensor = NDArray[Any]

PAD: Final = 114
"""Grey value of the letterbox's border, the one YOLOX and the YOLO family are trained with."""


@dataclass(frozen=True, slots=True)
class InputForm:
    """What a network wants to be fed with.

    width, height  of the canvas in pixels; the most, where `multiple` is set
    multiple       0: always the full canvas. Otherwise what a letterbox leaves empty is cut off, down to this multiple:
                   a 16:9 picture on a square canvas then costs 0.6 of the full one. For networks of free input size
    resize         `letterbox` keeps the proportions and puts the picture to the top left, `letterbox-centre` to the
                   middle, `stretch` fills the canvas
    scale, mean, std  value = (pixel * scale - mean) / std, in the network's colour order
    dtype          NumPy type of the input
    """

    width: int
    height: int
    layout: Layout = "nchw"
    colour: Colour = "bgr"
    resize: Resize = "letterbox"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    multiple: int = 0
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies on its canvas: left, top, width and height in pixels, and the canvas's own size."""

    left: int
    top: int
    width: int
    height: int
    canvas: tuple[int, int]

    def to_picture(self, box_px: Floats) -> Floats:
        """(n, 4) corners on the canvas to 0..1 of the picture, cut at its borders."""
        origin = np.array([self.left, self.top, self.left, self.top], float)
        size = np.array([self.width, self.height, self.width, self.height], float)
        return np.asarray(np.clip((box_px - origin) / size, 0.0, 1.0))


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def place(width: int, height: int, form: InputForm) -> Placement:
    """How a picture of `width` x `height` goes onto the canvas of `form`."""
    canvas_w, canvas_h = form.width, form.height
    if form.resize == "stretch":
        return Placement(0, 0, canvas_w, canvas_h, (canvas_w, canvas_h))
    ratio = min(canvas_w / width, canvas_h / height)
    w = min(max(round(width * ratio), 1), canvas_w)
    h = min(max(round(height * ratio), 1), canvas_h)
    if form.multiple:
        canvas_w, canvas_h = min(_up(w, form.multiple), canvas_w), min(_up(h, form.multiple), canvas_h)
    if form.resize == "letterbox":
        return Placement(0, 0, w, h, (canvas_w, canvas_h))
    return Placement((canvas_w - w) // 2, (canvas_h - h) // 2, w, h, (canvas_w, canvas_h))


def check(image: Image) -> None:
    """Raise DetectorError unless `image` is a colour picture of at least one pixel."""
    shape = getattr(image, "shape", None)
    dtype = getattr(image, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
        raise DetectorError(f"a picture must be uint8 of shape (height, width, 3), not {dtype} of shape {shape}")


def prepare(image: Image, form: InputForm) -> tuple[Tensor, Placement]:
    """The network's input for one picture, batch dimension included, and where the picture lies on it."""
    import cv2  # noqa: PLC0415 - whoever only reads options needs none of it

    where = place(image.shape[1], image.shape[0], form)
    # Linear also when scaling down: it is what the networks were trained with, and averaging costs 2 ms for 720p.
    small = cv2.resize(image, (where.width, where.height), interpolation=cv2.INTER_LINEAR)
    canvas_w, canvas_h = where.canvas
    planes = np.full((3, canvas_h, canvas_w), PAD, np.float32)
    rows = slice(where.top, where.top + where.height)
    columns = slice(where.left, where.left + where.width)
    order = (0, 1, 2) if form.colour == "bgr" else (2, 1, 0)
    for plane, channel in zip(planes, order, strict=True):
        plane[rows, columns] = small[:, :, channel]
    if (form.scale, form.mean, form.std) != (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
        std = np.array(form.std, np.float32)[:, None, None]
        planes *= form.scale / std
        planes -= np.array(form.mean, np.float32)[:, None, None] / std
    tensor = planes[np.newaxis] if form.layout == "nchw" else planes.transpose(1, 2, 0)[np.newaxis]
    return np.ascontiguousarray(tensor, dtype=form.dtype), where
