"""Name and time burned into pictures."""

from __future__ import annotations

from typing import Final

import cv2

from vedette.model.media import Image
from vedette.model.time import rfc3339

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_SHARE: Final = 0.05
"""Height of the line, as a share of the picture's."""
_LEAST_PX: Final = 10
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)


def caption(image: Image, name: str, utc_ns: int, note: str = "") -> None:
    """Write name, time (UTC) and a note on a black ground into the upper left of `image`.

    The font has ASCII only; other characters become question marks.
    """
    line = "  ".join(part for part in (name, rfc3339(utc_ns), note) if part)
    text = line.encode("ascii", "replace").decode()
    height = max(_LEAST_PX, round(image.shape[0] * _SHARE))
    scale = cv2.getFontScaleFromHeight(_FONT, round(height * 0.6), 1)
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    scale *= min(1.0, (image.shape[1] - height) / max(1, width))
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    cv2.rectangle(image, (0, 0), (width + height, height + height // 2), _BLACK, -1)
    cv2.putText(image, text, (height // 2, height), _FONT, scale, _WHITE, 1, cv2.LINE_AA)
