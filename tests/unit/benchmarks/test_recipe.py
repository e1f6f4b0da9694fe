"""The recipe beside us counts the right way round, and everything it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import recipe
from benchmarks.clips import Clip
from benchmarks.scoring import TruthLine

from fakes import instant, people

VERTICAL = ((0.5, 0.0), (0.5, 1.0))
LEVEL = ((0.0, 0.5), (1.0, 0.5))


def walked(line: tuple[tuple[float, float], tuple[float, float]], way: tuple[float, float]) -> recipe.Seen:
    """Somebody who walks through the middle of the picture, `way` in pictures a second, for two seconds."""
    rule = TruthLine("clip", "gate", line, ("person",), "oblique", ())
    moments = []
    for k in range(21):
        x, y = (0.5 + way[axis] * (k - 10) / 10 for axis in (0, 1))
        moments.append((instant(k / 10), people((x - 0.03, y - 0.2, x + 0.03, y))))
    return recipe.Seen(Clip("clip", Path("clip.mp4"), (), (rule,)), (1000, 500), tuple(moments))


@pytest.mark.parametrize(
    ("line", "way", "direction"),
    [
        (VERTICAL, (-0.3, 0.0), "forward"),
        (VERTICAL, (0.3, 0.0), "backward"),
        (LEVEL, (0.0, 0.3), "forward"),
        (LEVEL, (0.0, -0.3), "backward"),
    ],
)
def test_directions_are_ours(
    line: tuple[tuple[float, float], tuple[float, float]], way: tuple[float, float], direction: str
) -> None:
    found = recipe.count(walked(line, way), fps=10.0)
    assert set(found) == {variant.name for variant in recipe.VARIANTS}
    for events in found.values():
        ((told, t_s),) = events["gate"]
        assert told == direction
        # Corners have crossed when the last of the four has.
        assert t_s == pytest.approx(1.0, abs=0.9)


def test_boxes_become_pixels() -> None:
    boxes = recipe.as_supervision(people((0.1, 0.2, 0.3, 0.4)), (1000, 500))
    assert np.allclose(boxes.xyxy, [[100.0, 100.0, 300.0, 200.0]])
