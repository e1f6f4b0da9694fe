import pytest

from vedette.reports.words import clock_time, kind_words, span, went, without_password


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (59.96, "0:59.9"), (61.25, "1:01.2"), (3661, "1:01:01.0"), (-3, "0:00.0")]
)
def test_clock_time(seconds: float, text: str) -> None:
    assert clock_time(seconds, tenths=True) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (79.5, "1 minute 20 seconds"), (120, "2 minutes"), (7500, "2 hours 5 minutes")],
)
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("in", "came in"), ("Exit", "went out"), ("west", "went west"), ("to the till", "to the till")],
)
def test_went(name: str, text: str) -> None:
    assert went(name) == text


def test_unknown_kinds_are_said_as_they_are() -> None:
    assert kind_words("too_long") == "too long"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://joe:p@ss@cam/1", "rtsp://cam/1"),
        ("rtsp://cam/1", "rtsp://cam/1"),
        ("/home/a@b/x.mp4", "/home/a@b/x.mp4"),
    ],
)
def test_passwords_are_not_shown(source: str, shown: str) -> None:
    assert without_password(source) == shown
