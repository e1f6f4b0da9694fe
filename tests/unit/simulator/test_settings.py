import pytest

from vedette.model.errors import UsageError
from vedette.simulator.scenes import SCENES
from vedette.simulator.settings import Settings, find_scene, parse_size


def test_an_unknown_scene_is_answered_with_the_list() -> None:
    with pytest.raises(UsageError, match=r"unknown scene 'shop-entrence': known are .*did you mean 'shop-entrance'"):
        find_scene("shop-entrence")
    assert find_scene("fence-line") is SCENES["fence-line"]


def test_sizes_are_read_or_refused() -> None:
    assert parse_size("640x360") == (640, 360)
    for wrong in ("640", "640x", "axb", "-1x5", "640 x 360"):
        with pytest.raises(ValueError, match="size must look like 1280x720"):
            parse_size(wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seed": -1}, "seed"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"fps": 0.0}, "fps"),
        ({"size": (10, 10)}, "size"),
        ({"people": -1}, "people"),
        ({"people": 500}, "people"),
        ({"light": "noon"}, "light"),
        ({"noise": -1.0}, "noise"),
    ],
)
def test_values_out_of_range_are_refused_by_name(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(SCENES))
def test_the_mean_number_of_people_is_about_what_was_asked(name: str) -> None:
    scene = SCENES[name]
    assert [a for a in scene.cast(1, 0, 60) if a.label == "person"] == []
    few, many = (sum(a.label == "person" for a in scene.cast(1, n, 300)) for n in (3, 9))
    assert 2.0 < many / few < 4.0
    numbers = [a.id for a in scene.cast(1, 9, 300)]
    assert len(set(numbers)) == len(numbers)
