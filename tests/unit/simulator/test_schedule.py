from pathlib import Path

import av
import numpy as np
import pytest

from vedette.model.errors import UsageError
from vedette.simulator.cameras import frame_number
from vedette.simulator.cameras.clips import Coding
from vedette.simulator.cameras.media import read_video
from vedette.simulator.endless import Crowd
from vedette.simulator.film import film
from vedette.simulator.scenes import SCENES
from vedette.simulator.schedule import shown
from vedette.simulator.settings import Appearance, Settings, find_scene, set_stage

SMALL = (320, 180)


@pytest.mark.parametrize("scene", list(SCENES))
@pytest.mark.parametrize("size", [SMALL, (320, 240)])
def test_everybody_shows_when_they_shall_and_nobody_else(scene: str, size: tuple[int, int]) -> None:
    acts = SCENES[scene].acts
    events = tuple(Appearance(7.0 + 50 * index, act) for index, act in enumerate(acts))
    stage = set_stage(find_scene(scene), Settings(size=size, seconds=400, events=events))
    assert len(stage.actors) == len(acts)
    for actor, event in zip(stage.actors, events, strict=True):
        span = shown(actor, stage.view)
        assert span is not None
        assert span[0] == pytest.approx(event.start_s, abs=0.03)
        assert 1.0 < span[1] - span[0] < 45.0
    before = next(stage.renderer.frames(2.0, 11, 10))
    assert not any(seen.visibility > 0.6 for seen in before.seen)


@pytest.mark.parametrize("scene", list(SCENES))
@pytest.mark.parametrize("lasts_s", [0.6, 1.0, 1.7])
def test_a_glimpse_lasts_as_long_as_it_shall(scene: str, lasts_s: float) -> None:
    settings = Settings(size=SMALL, seconds=10, events=(Appearance(3.0, "glimpse", lasts_s),))
    stage = set_stage(find_scene(scene), settings)
    span = shown(stage.actors[0], stage.view)
    assert span is not None
    assert span[0] == pytest.approx(3.0, abs=0.03)
    assert span[1] - span[0] == pytest.approx(lasts_s, abs=0.05)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (Appearance(1, "dance"), "no act 'dance': known are enter"),
        (Appearance(1, "enter", 3.0), "takes as long as it takes"),
        (Appearance(1, "glimpse", 60.0), "it can last between"),
    ],
)
def test_what_cannot_be_played_is_refused(event: Appearance, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        film("shop-entrance", tmp_path / "a.mp4", Settings(size=SMALL, seconds=2, events=(event,)))
    assert not list(tmp_path.iterdir())


def test_a_film_has_its_keyframes_numbers_and_truth(tmp_path: Path) -> None:
    settings = Settings(size=SMALL, seconds=4, fps=10, events=(Appearance(1.0, "glimpse", 1.0),))
    path = tmp_path / "quiet.mp4"
    truth = film("fence-line", path, settings, coding=Coding(gop_s=1.5, bitrate=300_000), numbered=True)
    clip = read_video(path)
    assert [i for i, unit in enumerate(clip.units) if unit.key] == [0, 15, 30]
    assert truth.frames == len(clip.units) == 40
    assert [(s.id, s.label) for s in truth.sightings] == [(1, "person")]
    assert truth.sightings[0].from_s == pytest.approx(1.0, abs=0.25)
    assert truth.sightings[0].to_s == pytest.approx(2.0, abs=0.25)
    assert sum(truth.people) == round((truth.sightings[0].to_s - truth.sightings[0].from_s) * 10) + 1
    with av.open(str(path)) as container:
        pictures = [np.asarray(frame.to_ndarray(format="gray8"), np.uint8) for frame in container.decode(video=0)]
    assert [frame_number(picture) for picture in pictures] == list(range(40))


@pytest.mark.parametrize("scene", list(SCENES))
class TestCrowd:
    def test_people_keep_coming_and_are_forgotten(self, scene: str) -> None:
        crowd = Crowd(SCENES[scene], 1, 6)
        numbers, most = set[int](), 0
        for minute in range(20):
            new = crowd.advance(60.0 * minute)
            assert all(60.0 * minute <= actor.path.start_s for actor in new if minute > 0)
            fresh = {actor.id for actor in new}
            assert not fresh & numbers
            numbers |= fresh
            most = max(most, len(crowd.actors))
        assert len(numbers) > 100
        assert most < 80

    def test_it_begins_like_the_film_and_never_has_a_hole(self, scene: str) -> None:
        crowd, there = Crowd(SCENES[scene], 3, 8), list[int]()
        first = crowd.advance(5.0)
        assert [a.id for a in first] == [a.id for a in SCENES[scene].cast(3, 8, 60.0)]
        for at_s in np.arange(0, 600, 2.0).tolist():
            crowd.advance(at_s + 5.0)
            there.append(sum(a.path.start_s <= at_s <= a.path.end_s and a.label == "person" for a in crowd.actors))
        assert min(there) >= 1
        minutes = np.array(there).reshape(10, 30).mean(axis=1)
        assert minutes.max() < 4 * minutes.min()

    def test_later_is_the_same_later(self, scene: str) -> None:
        actor = SCENES[scene].cast(1, 4, 30.0)[0]
        moved = actor.later(1000.0, 77)
        t = np.linspace(actor.path.start_s, actor.path.end_s, 40)
        assert moved.id == 77
        assert np.allclose(moved.path.position(t + 1000.0), actor.path.position(t))
        # Standing people sway with the time of day, by less than a hand.
        assert np.abs(moved.balls(t + 1000.0) - actor.balls(t)).max() < 0.2
