"""What people wear. Everything is drawn from a seeded generator, so a scene looks the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Colour = tuple[float, float, float]
"""Blue, green, red, 0..255."""

_TOPS: Final[tuple[Colour, ...]] = (
    (60, 50, 160), (130, 80, 40), (70, 95, 60), (50, 50, 52), (200, 200, 205), (60, 130, 190), (120, 105, 95),
    (150, 120, 70), (90, 70, 120), (40, 90, 170), (170, 165, 150), (45, 60, 40), (110, 60, 55), (190, 170, 140),
)  # fmt: skip
_BOTTOMS: Final[tuple[Colour, ...]] = (
    (95, 65, 45), (60, 45, 38), (40, 40, 42), (75, 85, 95), (120, 140, 155), (70, 60, 60), (110, 85, 65),
)  # fmt: skip
_SKINS: Final[tuple[Colour, ...]] = (
    (150, 180, 225), (135, 165, 215), (110, 145, 195), (85, 115, 165), (60, 85, 130), (45, 62, 98),
)  # fmt: skip
_HAIRS: Final[tuple[Colour, ...]] = (
    (25, 25, 28), (30, 38, 55), (40, 60, 90), (70, 110, 150), (120, 125, 130), (35, 45, 75),
)  # fmt: skip
_SHOES: Final[tuple[Colour, ...]] = ((35, 35, 38), (45, 55, 80), (190, 190, 195), (60, 60, 62))

HairStyle = Literal["short", "long", "cap", "bald"]
Legs = Literal["trousers", "shorts", "skirt"]
Jacket = Literal["shirt", "sleeves", "coat"]
Bag = Literal["none", "backpack", "shopping"]


@dataclass(frozen=True, slots=True)
class Look:
    """Stature and clothes of one person; `build` is the breadth beside a normal figure, `folds` seeds the cloth."""

    stature_m: float
    build: float
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    shoes: Colour
    hair_style: HairStyle
    legs: Legs
    jacket: Jacket
    bag: Bag
    bag_colour: Colour
    folds: int
    phase: float


def random_look(rng: np.random.Generator) -> Look:
    """Somebody."""

    def colour(table: tuple[Colour, ...], spread: float) -> Colour:
        base = np.array(table[int(rng.integers(len(table)))])
        b, g, r = np.clip(base * (1 + rng.normal(0, 0.06)) + rng.normal(0, spread, 3), 18, 235).tolist()
        return b, g, r

    female = rng.random() < 0.5
    styles: tuple[HairStyle, ...] = ("short", "long", "cap", "bald")
    legs: tuple[Legs, ...] = ("trousers", "shorts", "skirt")
    jackets: tuple[Jacket, ...] = ("shirt", "sleeves", "coat")
    bags: tuple[Bag, ...] = ("none", "backpack", "shopping")
    return Look(
        stature_m=float(np.clip(rng.normal(1.66 if female else 1.78, 0.06), 1.5, 1.96)),
        build=float(np.clip(rng.normal(0.95 if female else 1.05, 0.07), 0.85, 1.25)),
        skin=colour(_SKINS, 4),
        hair=colour(_HAIRS, 4),
        top=colour(_TOPS, 8),
        bottom=colour(_BOTTOMS, 6),
        shoes=colour(_SHOES, 4),
        hair_style=styles[int(rng.choice(4, p=(0.25, 0.65, 0.08, 0.02) if female else (0.72, 0.05, 0.15, 0.08)))],
        legs=legs[int(rng.choice(3, p=(0.72, 0.05, 0.23) if female else (0.9, 0.1, 0.0)))],
        jacket=jackets[int(rng.choice(3, p=(0.3, 0.5, 0.2)))],
        bag=bags[int(rng.choice(3, p=(0.6, 0.22, 0.18)))],
        bag_colour=colour(_TOPS, 10),
        folds=int(rng.integers(1 << 30)),
        phase=float(rng.random()),
    )
