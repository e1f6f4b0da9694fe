import pytest

from vedette.cli.in_words import direction, forward_way, part_of_picture, place
from vedette.config import from_mapping
from vedette.model.geometry import Point, Polyline

WAYS = {
    "left to right": (1, 0),
    "right to left": (-1, 0),
    "top to bottom": (0, 1),
    "bottom to top": (0, -1),
    "upper left to lower right": (1, 1),
    "lower right to upper left": (-1, -1),
    "upper right to lower left": (-1, 1),
    "lower left to upper right": (1, -1),
}


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ([(0.5, 0.0), (0.5, 1.0)], "right to left"),
        ([(0.5, 1.0), (0.5, 0.0)], "left to right"),
        ([(0.0, 0.5), (1.0, 0.5)], "top to bottom"),
        ([(1.0, 0.5), (0.0, 0.5)], "bottom to top"),
        ([(0.0, 0.0), (1.0, 1.0)], "upper right to lower left"),
        ([(0.3, 0.1), (0.9, 0.5), (0.3, 0.9)], "right to left"),
        ([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.2)], "top to bottom"),
    ],
)
def test_which_way_is_forward(line: list[Point], way: str) -> None:
    assert forward_way(line) == way


@pytest.mark.parametrize("angle", range(8))
def test_the_words_agree_with_what_the_rule_counts(angle: int) -> None:
    dx, dy = list(WAYS.values())[angle]
    line = [(0.5 - 0.3 * dx, 0.5 - 0.3 * dy), (0.5 + 0.3 * dx, 0.5 + 0.3 * dy)]
    move_x, move_y = WAYS[forward_way(line)]
    start, end = (0.5 - 0.1 * move_x, 0.5 - 0.1 * move_y), (0.5 + 0.1 * move_x, 0.5 + 0.1 * move_y)
    assert [hit.side for hit in Polyline(line).crossings(start, end)] == [1], "forward is out on the right"


def test_parts_of_the_picture() -> None:
    found = [part_of_picture((x, y)) for y in (0.1, 0.5, 0.9) for x in (0.1, 0.5, 0.9)]
    assert found == [
        "upper left", "upper middle", "upper right",
        "left middle", "centre", "right middle",
        "lower left", "lower middle", "lower right",
    ]  # fmt: skip


def test_places_and_directions_of_rules() -> None:
    zone = {"id": "z", "type": "region", "zone": [[0.9, 0.1], [1.5, 0.1], [0.9, 0.105]]}
    heat = {"id": "h", "type": "heat_map"}
    small, whole = from_mapping({"rules": [zone, heat]}).rules
    assert place(small.options) == "zone of 3 corners round the upper right\nless than 1% of the picture"
    assert place(whole.options) == "the whole picture"
    assert direction(whole.options) == ""
