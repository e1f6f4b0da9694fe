"""Layers that are painted once and laid over many pictures."""

from __future__ import annotations

import unicodedata
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.media import Image
from vedette.reports.palette import INK, PAPER, Colour, bgr

Pixels = NDArray[np.int32]
"""(n, 2) points in whole pixels."""

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PX_PER_SCALE: Final = 28.0


def printable(text: str, limit: int = 28) -> str:
    """`text` on one line, without control and direction marks, cut to `limit` characters."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: 4 * limit])
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit and len(text) <= 4 * limit else clean[: limit - 3].rstrip() + "..."


def text_size(text: str, px: float) -> tuple[int, int]:
    """Width and height in pixels of `text` set `px` high."""
    (width, height), _ = cv2.getTextSize(text, _FONT, px / _PX_PER_SCALE, 1)
    return int(width), int(height)


class Layer:
    """A half-transparent picture, ready to be laid over another at a fixed place."""

    def __init__(self, colour: Image, alpha: Image, left: int, top: int) -> None:
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        if not len(rows):
            self._box, self._keep, self._add = (0, 0, 0, 0), colour[:0], colour[:0]
            return
        y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        alpha = alpha[y0:y1, x0:x1]
        self._box = (left + x0, top + y0, left + x1, top + y1)
        self._keep = np.asarray(cv2.merge([255 - alpha] * 3), np.uint8)
        spread = cv2.merge([alpha] * 3)
        self._add = np.asarray(cv2.multiply(colour[y0:y1, x0:x1], spread, scale=1 / 255), np.uint8)

    def lay_on(self, image: Image) -> None:
        """Blend into `image`, in place; what lies outside is cut off."""
        x0, y0, x1, y1 = self._box
        x1, y1 = min(x1, image.shape[1]), min(y1, image.shape[0])
        if x1 <= x0 or y1 <= y0:
            return
        under = image[y0:y1, x0:x1]
        cv2.multiply(under, self._keep[: y1 - y0, : x1 - x0], dst=under, scale=1 / 255)
        cv2.add(under, self._add[: y1 - y0, : x1 - x0], dst=under)


class Canvas:
    """What a layer is painted on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._colour: Image = np.zeros((height, width, 3), np.uint8)
        self._alpha: Image = np.zeros((height, width), np.uint8)

    def _paint(self, mask: Image, colour: Colour, opacity: float) -> None:
        """Put `colour` over what is there, where `mask` (0..255) says and as densely as `opacity` says."""
        over = (mask.astype(np.float32) * (opacity / 255.0))[..., None]
        under = self._alpha.astype(np.float32)[..., None] / 255.0 * (1.0 - over)
        total = over + under
        mixed = (np.array(bgr(colour), np.float32) * over + self._colour * under) / np.maximum(total, 1e-6)
        self._colour = np.rint(mixed).astype(np.uint8)
        self._alpha = np.rint(total[..., 0] * 255.0).astype(np.uint8)

    def _blank(self) -> Image:
        return np.zeros((self.height, self.width), np.uint8)

    def area(self, points: Pixels, colour: Colour, opacity: float) -> None:
        """Fill a polygon (even-odd)."""
        mask = self._blank()
        cv2.fillPoly(mask, [points.reshape(-1, 1, 2)], 255, cv2.LINE_AA)
        self._paint(mask, colour, opacity)

    def stroke(self, points: Pixels, colour: Colour, width: int, *, closed: bool = False) -> None:
        """Draw a polyline with a dark rim, so that it stands out on any ground."""
        for tone, wide, opacity in ((INK, width + 2, 0.5), (colour, width, 1.0)):
            mask = self._blank()
            cv2.polylines(mask, [points.reshape(-1, 1, 2)], closed, 255, wide, cv2.LINE_AA)
            self._paint(mask, tone, opacity)

    def plate(self, box: tuple[int, int, int, int], colour: Colour = INK, opacity: float = 0.72) -> None:
        """A rectangle (left, top, width, height) with rounded corners."""
        left, top, width, height = box
        mask = self._blank()
        r = max(1, min(width, height) // 6)
        x1, y1 = left + width - 1, top + height - 1
        cv2.rectangle(mask, (left + r, top), (x1 - r, y1), 255, -1)
        cv2.rectangle(mask, (left, top + r), (x1, y1 - r), 255, -1)
        for centre in ((left + r, top + r), (x1 - r, top + r), (left + r, y1 - r), (x1 - r, y1 - r)):
            cv2.circle(mask, centre, r, 255, -1, cv2.LINE_AA)
        self._paint(mask, colour, opacity)

    def text(self, text: str, left: int, baseline: int, px: float, colour: Colour = PAPER) -> None:
        """One line of text, set `px` high on `baseline`."""
        mask = self._blank()
        cv2.putText(mask, text, (left, baseline), _FONT, px / _PX_PER_SCALE, 255, 1, cv2.LINE_AA)
        self._paint(mask, colour, 1.0)

    def label(self, text: str, centre: tuple[float, float], px: float, colour: Colour) -> None:
        """A line of text on a dark plate, moved as little as needed to lie inside."""
        width, height = text_size(text, px)
        pad = round(px * 0.4)
        full_w, full_h = width + 2 * pad, height + 2 * pad
        left = int(min(max(centre[0] - full_w / 2, 2), max(2, self.width - full_w - 2)))
        top = int(min(max(centre[1] - full_h / 2, 2), max(2, self.height - full_h - 2)))
        self.plate((left, top, full_w, full_h))
        self.text(text, left + pad, top + pad + height, px, colour)

    def layer(self, left: int = 0, top: int = 0) -> Layer:
        """The painting, ready to be laid at (`left`, `top`)."""
        return Layer(self._colour, self._alpha, left, top)


def tag(text: str, px: float, colour: Colour) -> Image:
    """A small opaque picture of `text` on `colour`, dark or light writing as reads better."""
    width, height = text_size(text, px)
    pad = max(2, round(px * 0.25))
    picture: Image = np.full((height + 2 * pad, width + 2 * pad, 3), bgr(colour), np.uint8)
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    writing = INK if luma > 110 else PAPER
    where = (pad, height + pad - 1)
    cv2.putText(picture, text, where, _FONT, px / _PX_PER_SCALE, bgr(writing), 1, cv2.LINE_AA)
    return picture


def paste(image: Image, picture: Image, left: int, top: int) -> None:
    """Copy `picture` into `image` with its corner at (`left`, `top`); what lies outside is cut off."""
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + picture.shape[1], width), min(top + picture.shape[0], height)
    if x1 > x0 and y1 > y0:
        image[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]
