from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from vedette.analytics.schedule import Period, armed
from vedette.model.time import NS_PER_S

BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * NS_PER_S


def test_no_periods_means_always() -> None:
    assert armed((), 0, UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-08T08:59:59", False),
        ("2026-06-08T09:00:00", True),
        ("2026-06-08T16:59:59", True),
        ("2026-06-08T17:00:00", False),
        ("2026-06-13T12:00:00", False),
    ],
)
def test_working_hours_on_some_days(moment: str, expected: bool) -> None:
    hours = Period(start=time(9), end=time(17), days=("mon", "tue", "wed", "thu", "fri"))
    assert armed((hours,), ns(moment + "Z"), UTC) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-12T21:00:00", False),
        ("2026-06-12T22:30:00", True),
        ("2026-06-13T05:59:00", True),
        ("2026-06-13T06:00:00", False),
        ("2026-06-13T22:30:00", False),
        ("2026-06-12T03:00:00", False),
    ],
)
def test_night_belongs_to_the_day_it_begins_on(moment: str, expected: bool) -> None:
    friday_night = Period(start=time(22), end=time(6), days=("fri",))
    assert armed((friday_night,), ns(moment + "Z"), UTC) is expected


def test_equal_start_and_end_is_a_whole_day() -> None:
    whole = Period(start=time(0), end=time(0), days=("mon",))
    assert armed((whole,), ns("2026-06-08T00:00:00Z"), UTC)
    assert armed((whole,), ns("2026-06-08T23:59:59Z"), UTC)
    assert not armed((whole,), ns("2026-06-09T00:00:00Z"), UTC)


def test_local_time_counts_through_the_change_of_clocks() -> None:
    morning = Period(start=time(8), end=time(9))
    assert armed((morning,), ns("2026-07-01T06:30:00Z"), BERLIN)
    assert not armed((morning,), ns("2026-07-01T07:30:00Z"), BERLIN)
    assert armed((morning,), ns("2026-12-01T07:30:00Z"), BERLIN)


def test_any_of_several_periods() -> None:
    periods = (Period(start=time(8), end=time(9)), Period(start=time(20), end=time(21)))
    assert armed(periods, ns("2026-06-08T20:30:00Z"), UTC)
    assert not armed(periods, ns("2026-06-08T12:30:00Z"), UTC)


def test_unknown_day_and_key_are_refused() -> None:
    adapter = TypeAdapter(Period)
    for text in (
        '{"start": "08:00", "end": "09:00", "days": ["monday"]}',
        '{"start": "08:00", "end": "09:00", "colour": 1}',
        '{"start": "25:00", "end": "09:00"}',
    ):
        with pytest.raises(ValidationError):
            adapter.validate_json(text, strict=True)
