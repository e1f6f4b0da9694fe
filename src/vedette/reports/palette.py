"""Colours that stay apart for colour-blind eyes: M. Okabe and K. Ito, Color Universal Design, 2008."""

from __future__ import annotations

from typing import Final

from vedette.model.labels import group_of

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

ORANGE: Final[Colour] = (230, 159, 0)
SKY: Final[Colour] = (86, 180, 233)
GREEN: Final[Colour] = (0, 158, 115)
YELLOW: Final[Colour] = (240, 228, 66)
BLUE: Final[Colour] = (0, 114, 178)
VERMILLION: Final[Colour] = (213, 94, 0)
PURPLE: Final[Colour] = (204, 121, 167)
PAPER: Final[Colour] = (245, 246, 248)
INK: Final[Colour] = (16, 20, 27)

_OBJECTS: Final = {"person": SKY, "vehicle": ORANGE, "animal": PURPLE}
_RULES: Final = (YELLOW, GREEN, PURPLE, ORANGE, SKY, BLUE)


def object_colour(label: str) -> Colour:
    """Colour of the boxes of `label`: one per group, so that a picture stays calm."""
    return _OBJECTS.get(group_of(label), PAPER)


def rule_colour(position: int, severity: str = "info") -> Colour:
    """Colour of the rule at `position` in its list; an alarm is always vermillion."""
    return VERMILLION if severity == "alarm" else _RULES[position % len(_RULES)]


def bgr(colour: Colour) -> Colour:
    """`colour` in OpenCV's order."""
    return colour[2], colour[1], colour[0]


def css(colour: Colour) -> str:
    """`colour` as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
