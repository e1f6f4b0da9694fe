"""Figures in plain words."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_IN: Final = frozenset({"in", "inside", "inward", "inwards", "enter", "entered", "entering", "entry", "entrance"})
_OUT: Final = frozenset({"out", "outside", "outward", "outwards", "exit", "exited", "leave", "leaving"})
_WAYS: Final = frozenset(
    "north south east west northeast northwest southeast southwest left right up down upstairs downstairs away back "
    "home through uphill downhill forward forwards backward backwards northbound southbound".split()
)
_BIDI: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_KINDS: Final = {
    "crossed": ("crossings", "crossed the line"),
    "intruded": ("intrusions", "came inside"),
    "cleared": ("times clear again", "was gone again"),
    "entered": ("entered", "entered"),
    "left": ("left", "left"),
    "appeared": ("appeared inside", "appeared inside"),
    "vanished": ("vanished inside", "vanished inside"),
    "loitered": ("stayed too long", "stayed too long"),
    "exceeded": ("times over the limit", "more than allowed"),
    "corrected": ("corrections", "count corrected"),
}
"""Kind of event: after a number, and of a single one."""


def clock_time(seconds: float, *, tenths: bool = False) -> str:
    """Stream seconds as `m:ss` or `h:mm:ss`, with tenths where asked."""
    ticks = max(0, int(seconds * 10 + 1e-6))
    minutes, rest = divmod(ticks, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{rest // 10:02d}" if hours else f"{minutes}:{rest // 10:02d}"
    return f"{text}.{rest % 10}" if tenths else text


def span(seconds: float) -> str:
    """A duration for reading: `40 seconds`, `1 minute 53 seconds`, `2 hours 5 minutes`."""
    whole = round(seconds)
    if whole < 60:
        return _some(whole, "second")
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _some(minutes, "minute") + (f" {_some(rest, 'second')}" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return _some(hours, "hour") + (f" {_some(minutes, 'minute')}" if minutes else "")


def _some(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def went(name: str) -> str:
    """What people who took the direction called `name` did: `came in`, `went out`, `went west`, or just the name."""
    word = name.strip().casefold()
    if word in _IN:
        return "came in"
    if word in _OUT:
        return "went out"
    return f"went {name}" if word in _WAYS else name


def kind_words(kind: str) -> str:
    """The events of `kind`, after a number."""
    return _KINDS[kind][0] if kind in _KINDS else kind.replace("_", " ")


def kind_words_of_one(kind: str) -> str:
    """What happened in one event of `kind`."""
    return _KINDS[kind][1] if kind in _KINDS else kind.replace("_", " ")


def without_password(source: str) -> str:
    """An address without the user and password in it."""
    return re.sub(r"(://)[^/\s]*@", r"\1", source)


def number(value: float, places: int = 0) -> str:
    """`value` with thin spaces between thousands."""
    return f"{value:,.{places}f}".replace(",", "\u202f")


def short(text: object, limit: int = 80) -> str:
    """`text` without control characters and direction overrides, cut to `limit` characters."""
    raw = str(text)
    kept = "".join(c for c in raw[: 4 * limit] if c not in _BIDI and unicodedata.category(c) not in ("Cc", "Cs", "Co"))
    return kept if len(kept) <= limit and len(raw) <= 4 * limit else kept[: limit - 1] + "\u2026"
