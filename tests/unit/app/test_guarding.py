from __future__ import annotations

from typing import Any

import pytest

from live_camera import BrightDetector, Film
from vedette.app.looking import analyzer_for, guarded
from vedette.config import from_mapping
from vedette.model.media import Frame
from vedette.model.time import NS_PER_S, Instant

GUARD = {"id": "guard", "type": "tamper"}
LINE = {"id": "line", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [({"rules": [LINE, GUARD]}, True), ({"rules": [LINE]}, False), ({"rules": [GUARD], "view": "moving"}, False)],
)
def test_the_picture_is_guarded_where_a_rule_asks_for_it_and_it_is_fixed(
    config: dict[str, Any], expected: bool
) -> None:
    assert guarded(from_mapping(config)) == expected


def test_a_dark_picture_is_said_in_a_file_too() -> None:
    film = Film(30.0, fps=2, change=lambda image, t: image if t < 15.0 else image // 60)
    analyzer = analyzer_for(from_mapping({"rules": [GUARD]}), BrightDetector())
    events = [
        event
        for number, (t, image) in enumerate(film.pictures())
        for event in analyzer.step(Frame(image, Instant(round(t * NS_PER_S), 0), number)).events
    ]
    assert [(event.kind, event.at.stream_s) for event in events] == [("dark", 15.0)]
