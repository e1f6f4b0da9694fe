import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from vedette.model.events import RuleEvent
from vedette.model.step import Step
from vedette.reports.journal import MOST_ROWS, Journal
from vedette.reports.report import KnownError, known_error, render
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import ModelSummary, Performance, SourceSummary, Summary, Tally

UNKNOWN = KnownError()
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    "'; DROP TABLE rules; --",
    "../../etc/passwd",
    "$(id) $x^2$ {{ 7 * 7 }}",
    'x" onmouseover="alert(1)',
    "n" * 10_000,
    "\u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202c",
    "bad\udc80\x00\x1b[31m",
]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Gathers tags and attributes, and checks that elements close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def summary(rules: list[RuleView], tally: Tally | None = None, **more: object) -> Summary:
    fields: dict[str, object] = {
        "source": SourceSummary(path="clips/yard.mp4", width=320, height=180, frames=60, duration_s=6.0, fps=10.0),
        "rules": (tally or Tally(rules)).rules({}),
        "performance": Performance(
            wall_s=3.0, cpu_s=5.0, frames_decoded=60, frames_analyzed=60, inferences=60, peak_rss_mb=200.0
        ),
        "model": ModelSummary(name="yolox-nano", sha256="ab" * 32),
        "vedette": "0.1.0",
    }
    return Summary(**(fields | more))  # type: ignore[arg-type]


def report(
    rules: list[RuleView], steps: Iterator[Step] | list[Step], error: KnownError = UNKNOWN, **more: object
) -> str:
    journal, tally = Journal(rules), Tally(rules)
    for step in steps:
        journal.take(step)
        tally.take(step)
    return render(journal, summary(rules, tally, **more), rules, np.full((99, 160, 3), 50, np.uint8), error)


def assert_nothing_is_loaded(page: str) -> Page:
    parsed = Page(page)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(parsed.tags)
    for name, value in parsed.attributes:
        assert not name.startswith("on"), name
        if name in ("src", "href", "srcset", "action", "data", "poster"):
            assert value.startswith(("data:image/jpeg;base64,", "#")), value[:60]
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!#)", page)
    assert len(parsed.ids) == len(set(parsed.ids))
    return parsed


def test_the_page_says_in_plain_words_what_happened(
    walking: Callable[..., Iterator[Step]], gate: RuleView, yard: RuleView
) -> None:
    page = assert_nothing_is_loaded(report([gate, yard], walking(6.0)))
    assert "3 went out 0 came in" in page.text
    assert "1 inside at most" in page.text
    assert "gate : went out person 1 81 %" in page.text
    assert "6 seconds of video, from 21 September 2026, 14:13:20 UTC" in page.text
    assert "The counting error of this version is not yet measured." in page.text
    assert "Line crossing Somebody passed the line" in page.text
    assert "Loitering" not in page.text
    assert page.tags.count("svg") == 6
    assert page.tags.count("img") == 2 + 3


def test_hostile_names_do_no_harm(walking: Callable[..., Iterator[Step]], gate: RuleView, yard: RuleView) -> None:
    for name in HOSTILE:
        rules = [
            replace(gate, id=name, names={"forward": name, "backward": name}, labels=(name,), severity=name),
            replace(yard, id=name + "2", type=name),
        ]
        steps = [
            replace(step, events=tuple(replace(e, label=name, direction_name=name, kind=name) for e in step.events))
            for step in walking(6.0, name)
        ]
        source = SourceSummary(path=name, width=320, height=180, frames=60, duration_s=6.0, fps=10.0)
        text = report(
            rules, steps, source=source, complete=False, note=name, model=ModelSummary(name=name, sha256=name)
        )
        page = assert_nothing_is_loaded(text.encode("utf-8", "replace").decode())
        assert "49" not in page.text.replace("0:49", "")
        assert not re.search("[\x00-\x08\x1b\u202a-\u202e]", text)
        assert len(text) < 400_000


def test_an_hour_with_ten_thousand_events_stays_small_and_says_so(
    make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent], gate: RuleView
) -> None:
    box = (0.4, 0.4, 0.5, 0.9)
    steps = (
        make_step(i * 36, {i + 1: box}, events=tuple(make_crossing(i * 36, track=i * 10 + k) for k in range(10)))
        for i in range(1000)
    )
    text = report([gate], steps)
    page = assert_nothing_is_loaded(text)
    assert "240 of 10 000 events are shown" in page.text
    assert "events.jsonl" in page.text
    assert page.tags.count("img") == MOST_ROWS + 2
    assert len(text) < 3_000_000


def test_of_every_rule_the_newest_events_are_kept(
    make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent], gate: RuleView
) -> None:
    rules = [gate, replace(gate, id="rare")]
    journal = Journal(rules)
    journal.take(make_step(0, {}, events=(make_crossing(0, "rare"), make_crossing(0, "unheard of"))))
    for frame in range(1, 500):
        journal.take(make_step(frame, {}, events=(make_crossing(frame),)))
    rows = journal.rows()
    assert [row.event.rule for row in rows].count("rare") == 1
    assert [row.event.frame for row in rows][-3:] == [497, 498, 499]
    assert len(rows) == 121
    assert journal.events == 500


def test_known_error_is_said_in_words_and_for_this_count(
    walking: Callable[..., Iterator[Step]], gate: RuleView
) -> None:
    error = KnownError(
        count_error_percent=4.2, event_f1=0.9611, crossings=96, measured_on="our public test footage", model="yolox-s"
    )
    page = Page(report([gate], walking(6.0), error))
    assert "On our public test footage (96 crossings), with default settings, this version miscounts 4.2" in page.text
    assert "(F1) is 0.961" in page.text
    assert "For the 3 crossings counted here, expect about 1 to be wrong" in page.text
    assert "measured with the model yolox-s; here yolox-nano was used" in page.text


def test_the_file_of_known_errors_can_be_read() -> None:
    assert isinstance(known_error(), KnownError)


@pytest.mark.parametrize("rules", [0, 1])
def test_a_video_without_frames_still_gives_a_page(rules: int, gate: RuleView) -> None:
    page = assert_nothing_is_loaded(report([gate][:rules], [], complete=False, note="the video has no frames"))
    assert "This analysis is not complete." in page.text
    assert "the video has no frames" in page.text
    assert "No events." in page.text


def test_occupancy_behind_entrances_goes_up_and_down_and_never_below_zero(
    make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent], gate: RuleView
) -> None:
    shop = RuleView(id="shop", type="occupancy", entrances={"gate": "forward"})
    journal = Journal([gate, shop])
    ways = ["backward", "forward", "forward", "backward"]
    for frame, way in enumerate(ways, start=1):
        journal.take(make_step(frame * 10, {}, events=(make_crossing(frame * 10, direction=way),)))
    journal.take(make_step(50, {}))
    assert journal.inside == {"shop": 1}
    assert journal.peak == {"shop": 2}


def test_the_end_of_a_run_does_not_empty_the_zones(make_step: Callable[..., Step], yard: RuleView) -> None:
    journal = Journal([yard])
    journal.take(make_step(0, {1: (0.2, 0.4, 0.3, 0.9), 2: (0.3, 0.4, 0.4, 0.9), 3: (0.8, 0.4, 0.9, 0.9)}))
    journal.take(make_step(0, {}, ended=(1, 2, 3)))
    assert journal.inside == {"yard": 2}


def test_the_figures_of_other_rules_are_said_in_words(
    walking: Callable[..., Iterator[Step]], gate: RuleView, yard: RuleView
) -> None:
    rules = [gate, replace(yard, id="till", type="dwell"), RuleView(id="all", type="count")]
    histogram = [{"from_s": 0, "to_s": 5, "n": 3}, {"from_s": 5, "to_s": None, "n": 1}]
    values: dict[str, dict[str, object]] = {
        "till": {"n": 4, "mean_s": 3.25, "max_s": 9.0, "min_s": 1.0, "cut": 0, "now": 0, "histogram": histogram},
        "all": {"total": {"forward": 2, "backward": 1}, "by_label": {}},
    }
    journal, tally = Journal(rules), Tally(rules)
    for step in walking(2.0):
        journal.take(step)
        tally.take(step)
    found = replace(summary(rules), rules=tally.rules(values))
    page = assert_nothing_is_loaded(render(journal, found, rules, None, UNKNOWN))
    assert "4 visits 3.2 s average stay 9.0 s longest stay" in page.text
    assert "0 to 5 s 3 5 s and more 1" in page.text
    assert "3 counted in all 2 forward 1 backward" in page.text


def test_many_rules_keep_the_page_small(make_step: Callable[..., Step], gate: RuleView) -> None:
    rules = [replace(gate, id=f"g{i}") for i in range(60)]
    assert len(report(rules, [make_step(i, {}) for i in range(5)])) < 1_000_000
