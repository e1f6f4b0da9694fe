import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vedette.model.errors import OutputError
from vedette.model.events import RuleEvent
from vedette.model.step import Step
from vedette.reports.events import EventsFile, event_json

ALWAYS = set("rule kind direction label track t_s utc frame anchor box score rule_hash known_t_s".split())


def test_a_full_event_has_exactly_the_keys_of_the_contract(make_crossing: Callable[..., RuleEvent]) -> None:
    found = event_json(make_crossing(12, late=3, value=2.0))
    assert set(found) == ALWAYS | {"direction_name", "trace", "value"}
    assert found["t_s"] == 1.2
    assert found["known_t_s"] == 1.5
    assert found["frame"] == 12
    assert found["direction"] == "forward"
    assert found["direction_name"] == "out"
    assert found["utc"] == "2026-09-21T14:13:21.200Z"
    assert found["box"] == [0.45, 0.4, 0.55, 0.9]
    assert found["score"] == 0.8123


def test_what_an_event_lacks_is_null_or_left_out(make_crossing: Callable[..., RuleEvent]) -> None:
    bare = make_crossing(1, track=0, label="", direction=None, direction_name=None, anchor=None, box=None, trace=())
    found = event_json(bare)
    assert set(found) == ALWAYS
    assert [found[key] for key in ("direction", "track", "label", "anchor", "box")] == [None] * 5


def test_every_line_is_on_disk_before_the_next_step(
    tmp_path: Path, make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent]
) -> None:
    path = tmp_path / "events.jsonl"
    file = EventsFile(path)
    file.take(make_step(5, {}, events=(make_crossing(4), make_crossing(5, "line\n\u2028two"))))
    lines = path.read_text("utf-8").splitlines()
    assert [json.loads(line)["rule"] for line in lines] == ["gate", "line\n\u2028two"]
    file.close()
    file.close()


def test_a_name_that_is_no_text_is_written_all_the_same(
    tmp_path: Path, make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent]
) -> None:
    file = EventsFile(tmp_path / "e")
    file.take(make_step(5, {}, events=(make_crossing(4, "bad\udc80"),)))
    file.close()
    assert json.loads((tmp_path / "e").read_text("utf-8"))["rule"] == "bad\udc80"


def test_a_full_disk_is_one_clear_line(make_step: Callable[..., Step], make_crossing: Callable[..., RuleEvent]) -> None:
    full = Path("/dev/full")
    file = EventsFile(full)
    with pytest.raises(OutputError, match=r"cannot write /dev/full: the disk is full: free space, or .* -o"):
        file.take(make_step(1, {}, events=(make_crossing(1),)))
    file.close()
