import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from vedette.model.events import RuleEvent
from vedette.model.media import StreamInfo
from vedette.model.step import Step
from vedette.reports.annotated import AnnotatedVideo, Painter
from vedette.reports.drawing import printable
from vedette.reports.palette import GREEN, SKY, YELLOW, bgr
from vedette.reports.rule_view import RuleView

BOX = (0.6, 0.3, 0.8, 0.9)


def has(image: np.ndarray, colour: tuple[int, int, int], tolerance: int = 24) -> bool:
    return bool((np.abs(image.astype(int) - bgr(colour)).max(axis=2) <= tolerance).any())


def decoded(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [frame.time for frame in container.decode(video=0)]


def test_the_video_plays_and_keeps_capture_time(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo, gate: RuleView
) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", info, [gate])
    steps = [step for step in walking(2.0) if step.frame.index not in (7, 8)]
    for step in [*steps, steps[-1]]:
        video.take(step)
    video.close()
    video.close()
    assert decoded(tmp_path / "a.mp4") == pytest.approx([step.frame.at.stream_s for step in steps], abs=0.002)


def test_time_starts_at_the_first_picture(tmp_path: Path, make_step: Callable[..., Step], info: StreamInfo) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", info, [])
    for frame in (500, 501, 502):
        video.take(make_step(frame, {}))
    video.close()
    assert decoded(tmp_path / "a.mp4") == pytest.approx([0.0, 0.1, 0.2], abs=0.002)


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (161, 91)])
def test_boxes_lines_and_zones_are_in_their_colours(
    make_step: Callable[..., Step], gate: RuleView, yard: RuleView, size: tuple[int, int]
) -> None:
    painter = Painter([gate, replace(yard, severity="info")], *size)
    step = make_step(3, {1: BOX}, size=size)
    before = step.frame.image.copy()
    image = painter.paint(step)
    assert (step.frame.image == before).all()
    assert image.shape == before.shape
    assert has(image, SKY)
    assert has(image, YELLOW)
    assert has(image, GREEN)


def test_counts_grow_in_the_panel_and_nowhere_else(
    make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent], gate: RuleView
) -> None:
    painter = Painter([gate], 640, 360)
    zero = painter.paint(make_step(100, {}, size=(640, 360)))
    painter.take(make_step(50, {}, events=(make_crossing(49),), size=(640, 360)))
    one = painter.paint(make_step(100, {}, size=(640, 360)))
    rows, columns = np.nonzero((zero != one).any(axis=2))
    assert len(rows)
    assert rows.max() < 60
    assert columns.max() < 320


def test_the_line_flashes_after_a_crossing(
    make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent], gate: RuleView
) -> None:
    painter = Painter([gate], 640, 360)
    calm = painter.paint(make_step(10, {}, size=(640, 360)))
    event = make_step(10, {}, events=(make_crossing(9),), size=(640, 360))
    painter.take(event)
    assert (painter.paint(event)[200] != calm[200]).any()
    assert (painter.paint(make_step(16, {}, size=(640, 360)))[200] == calm[200]).all()


def test_unconfirmed_tracks_are_not_drawn_and_predicted_ones_have_corners_only(
    make_step: Callable[..., Step],
) -> None:
    painter = Painter([], 640, 360)
    shadow = painter.paint(make_step(1, {1: BOX}, tentative=frozenset({1}), size=(640, 360)))
    assert not has(shadow, SKY)
    seen = painter.paint(make_step(1, {1: BOX}, size=(640, 360)))
    hidden = painter.paint(make_step(1, {1: BOX}, unseen=frozenset({1}), size=(640, 360)))
    assert has(seen[200:230, 378:392], SKY)
    middle = hidden[200:230, 378:392]
    assert not has(middle, SKY)
    assert has(hidden, SKY)


def test_hostile_names_and_places_are_drawn_without_trouble(make_step: Callable[..., Step]) -> None:
    far = ((-1e9, -1e9), (1e9, 1e9))
    rules = [
        RuleView(
            id="<img onerror=alert(1)>" * 500, type="line_crossing", line=far, names={"forward": "\u202eabc\n" * 99}
        ),
        RuleView(id="\udc80\x00", type="intrusion", zone=((0.5, 0.5), (0.5001, 0.5), (0.5, 0.5001))),
        RuleView(id="", type="count"),
    ]
    painter = Painter(rules, 320, 180)
    image = painter.paint(make_step(1, {1: (-5.0, -5.0, 9.0, 9.0), 2: (0.99, 0.0, 1.0, 0.01)}))
    assert image.shape == (180, 320, 3)


def test_printable_text_is_one_short_line() -> None:
    assert printable("a\nb\x00\u202ec") == "a b c"
    assert printable("x" * 10_000) == "x" * 25 + "..."


def test_drawing_ten_people_at_720p_is_cheap(make_step: Callable[..., Step], gate: RuleView, yard: RuleView) -> None:
    boxes = {i + 1: (i / 10, 0.3, i / 10 + 0.06, 0.8) for i in range(10)}
    step = make_step(1, boxes, size=(1280, 720))
    painter = Painter([gate, yard], 1280, 720)
    painter.paint(step)
    took = []
    for _ in range(15):
        before = time.thread_time()
        painter.paint(step)
        took.append(time.thread_time() - before)
    assert min(took) < 0.012
