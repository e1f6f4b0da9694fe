"""A frame's number burned into its picture as black and white blocks, so that a test can tell which frame it sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 20
_CHECK_BITS: Final = 4
_CELLS: Final = BITS + _CHECK_BITS
_STRIP: Final = 16
"""The blocks fill the uppermost sixteenth of the picture over its whole width."""
_BLACK, _WHITE = 24, 228
_DARK, _BRIGHT = 90.0, 165.0


def draw_number(luma: NDArray[np.uint8], number: int) -> None:
    """Write `number` (modulo 2**20) over the top of a picture's brightness, shape (height, width), in place."""
    height, width = luma.shape[:2]
    for cell, bit in enumerate(_code(number % (1 << BITS))):
        left, right = cell * width // _CELLS, (cell + 1) * width // _CELLS
        luma[: max(2, height // _STRIP), left:right] = _WHITE if bit else _BLACK


def frame_number(image: NDArray[np.uint8]) -> int | None:
    """The number in a picture of any size, shape (height, width) or (height, width, 3); None when there is none."""
    height, width = image.shape[:2]
    strip = max(2, height // _STRIP)
    rows = image[strip // 4 : max(strip // 4 + 1, strip * 3 // 4)]
    bits = []
    for cell in range(_CELLS):
        left, right = (cell * 4 + 1) * width // (4 * _CELLS), (cell * 4 + 3) * width // (4 * _CELLS)
        level = float(rows[:, left : max(left + 1, right)].mean())
        if _DARK <= level <= _BRIGHT:
            return None
        bits.append(level > _BRIGHT)
    number = sum(int(bit) << (BITS - 1 - place) for place, bit in enumerate(bits[:BITS]))
    return number if _code(number) == bits else None


def _code(number: int) -> list[bool]:
    """The bits of `number`, highest first, and those of a checksum that no blank picture has."""
    check = (sum((number >> shift) & 15 for shift in range(0, BITS, 4)) & 15) ^ 0b1010
    return [bool((number << _CHECK_BITS | check) >> place & 1) for place in range(_CELLS - 1, -1, -1)]
