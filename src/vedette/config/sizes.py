"""Amounts of bytes as people write them."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Size: TypeAlias = int | str
"""Bytes, or text such as `500 GB` or `1.5 TiB`."""

_UNITS: Final = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_FORM: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[kmgt]i?)?b?", re.IGNORECASE)


def bytes_of(size: Size) -> int:
    """`size` in bytes. Raises ValueError when it is no amount."""
    match = _FORM.fullmatch(str(size).strip())
    if match is None:
        raise ValueError(f"'{size}' is no size: write it like 500 GB or 1.5 TB")
    return round(float(match["number"]) * _UNITS[(match["unit"] or "").lower()])
