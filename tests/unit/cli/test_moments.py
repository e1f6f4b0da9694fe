from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from vedette.cli.moments import moment
from vedette.model.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = int(datetime(2026, 11, 22, 19, 30, tzinfo=UTC).timestamp()) * 10**9 + 5


def told(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T16:30:00Z", "2026-11-22T16:30:00"),
        ("2026-11-22T16:30:00+01:00", "2026-11-22T15:30:00"),
        ("2026-11-22 16:30", "2026-11-22T15:30:00"),
        ("2026-07-22 16:30", "2026-07-22T14:30:00"),
        ("16:30", "2026-11-22T15:30:00"),
        (" 16:30:30 ", "2026-11-22T15:30:30"),
        ("-90s", "2026-11-22T19:28:30"),
        ("-1.5h", "2026-11-22T18:00:00"),
        ("-2d", "2026-11-20T19:30:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00"),  # comes twice
        ("2026-03-29 02:30", "2026-03-29T01:30:00"),  # never comes
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert told(moment(text, BERLIN, NOW)) == expected


def test_now_is_exact() -> None:
    assert moment("now", BERLIN, NOW) == NOW


def test_fractions_of_a_second_are_exact() -> None:
    assert moment("1970-01-01T00:00:01.000001Z", BERLIN, NOW) == 1_000_001_000


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "-5", "-5x", "10m", "2026-13-01", "-99999999999999d"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment: write it like"):
        moment(text, BERLIN, NOW)
