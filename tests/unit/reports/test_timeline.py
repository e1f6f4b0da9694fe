import pytest

from vedette.reports.timeline import Timeline, interval_s, interval_words


@pytest.mark.parametrize(
    ("duration_s", "width"), [(0.5, 1), (26, 1), (27, 2), (80, 5), (600, 30), (3600, 300), (86_400, 3600)]
)
def test_a_bar_is_a_round_span_that_gives_few_bars(duration_s: float, width: int) -> None:
    assert interval_s(duration_s) == width


@pytest.mark.parametrize(("seconds", "words"), [(1, "second"), (30, "30 seconds"), (60, "minute"), (7200, "2 hours")])
def test_interval_words(seconds: int, words: str) -> None:
    assert interval_words(seconds) == words


def test_sums_fall_into_their_bars() -> None:
    timeline = Timeline()
    for at_s in (0.0, 4.9, 5.0, 79.9):
        timeline.add("a", at_s)
    series = timeline.series("a", 0.0, 80.0)
    assert (series.first_s, series.interval_s, len(series.values)) == (0, 5, 16)
    assert series.values[0] == 2
    assert series.values[1] == 1
    assert series.values[15] == 1
    assert sum(timeline.series("other", 0.0, 80.0).values) == 0


def test_bars_begin_where_the_analysis_began() -> None:
    timeline = Timeline()
    timeline.add("a", 100.4)
    series = timeline.series("a", 100.0, 110.0)
    assert (series.first_s, series.values[0], len(series.values)) == (100, 1.0, 10)


def test_nothing_is_lost_and_bins_stay_few_over_a_month() -> None:
    timeline = Timeline()
    for minute in range(30 * 24 * 60):
        timeline.add("a", minute * 60.0)
    series = timeline.series("a", 0.0, 30 * 86_400.0)
    assert sum(series.values) == 30 * 24 * 60
    assert len(series.values) <= 26
    assert len(timeline._bins["a"]) <= 7200
