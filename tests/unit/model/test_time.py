from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.time import NS_PER_S, Instant, rfc3339


def test_seconds_and_utc_of_an_instant() -> None:
    moment = Instant(1_500_000_000, 1_700_000_000 * NS_PER_S + 250_000_000)
    assert moment.stream_s == 1.5
    assert moment.utc == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)


def test_seconds_between_instants_are_stream_time() -> None:
    earlier, later = Instant(0, 10 * NS_PER_S), Instant(2 * NS_PER_S, 5 * NS_PER_S)
    assert later.seconds_since(earlier) == 2.0


@given(ns=st.integers(-(10**18), 10**18))
def test_shifting_there_and_back_changes_nothing(ns: int) -> None:
    moment = Instant(10**18, 10**18)
    assert moment.shifted(ns).shifted(-ns) == moment


def test_instants_order_by_stream_time() -> None:
    assert Instant(1, 99) < Instant(2, 0)


@pytest.mark.parametrize(
    ("utc_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_999_999, "1970-01-01T00:00:00.001Z"),
        (1_700_000_000_250_000_000, "2023-11-14T22:13:20.250Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_rfc3339(utc_ns: int, text: str) -> None:
    assert rfc3339(utc_ns) == text
