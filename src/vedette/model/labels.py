"""Class names and the groups a rule may name instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

COCO: Final = tuple(
    (
        "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
        "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,"
        "tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,"
        "tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,"
        "hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,"
        "cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
    ).split(",")
)
"""The 80 classes of COCO 2017 in the order its detectors answer in."""

MOVER: Final = "mover"
"""Something that moves and whose class the picture does not show (a car seen from straight above)."""

GROUPS: Final = {
    "vehicle": ("car", "truck", "bus", "motorcycle", "bicycle"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
}
"""Group name to its members."""


def expand(labels: Iterable[str]) -> frozenset[str]:
    """The class names that `labels` stand for, groups replaced by their members."""
    return frozenset(name for label in labels for name in GROUPS.get(label, (label,)))


def group_of(label: str) -> str:
    """The group `label` belongs to, or the label itself."""
    return next((group for group, members in GROUPS.items() if label in members), label)
