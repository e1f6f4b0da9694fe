import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vedette.model.events import RuleEvent
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import (
    ModelSummary,
    Performance,
    SourceSummary,
    Summary,
    Tally,
    plain,
    write_summary,
)

COST = Performance(
    wall_s=1.23456, cpu_s=2.0, frames_decoded=40, frames_analyzed=40, inferences=38, peak_rss_mb=123.4567
)
SOURCE = SourceSummary(path="rtsp://joe:s3cr3t@cam.local/1", width=320, height=180, frames=40, duration_s=4.0, fps=10.0)


def summary(tally: Tally, **more: object) -> Summary:
    values = {"gate": {"peak": np.float64(2.0), "bad": float("nan")}}
    return Summary(
        source=SOURCE,
        rules=tally.rules(values),
        performance=COST,
        model=ModelSummary(name="yolox-nano", sha256="00ff"),
        vedette="0.1.0",
        **more,  # type: ignore[arg-type]
    )


def test_summary_has_exactly_the_keys_of_the_contract(
    tmp_path: Path, gate: RuleView, make_crossing: Callable[..., RuleEvent]
) -> None:
    tally = Tally([gate])
    for frame, direction in ((1, "forward"), (2, "forward"), (3, "backward")):
        tally.add(make_crossing(frame, direction=direction))
    tally.add(make_crossing(4, "not told of"))
    write_summary(tmp_path / "summary.json", summary(tally, complete=False, note="stopped at 0:04"))
    found = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert set(found) == {"source", "rules", "performance", "model", "vedette", "complete", "note"}
    assert set(found["source"]) == {"path", "width", "height", "frames", "duration_s", "fps"}
    assert set(found["performance"]) == {
        *("wall_s", "cpu_s", "frames_decoded", "frames_analyzed", "inferences", "peak_rss_mb")
    }
    assert found["model"] == {"name": "yolox-nano", "sha256": "00ff"}
    assert found["rules"] == {
        "gate": {
            "type": "line_crossing",
            "counts": {"forward": 2, "backward": 1},
            "by_label": {"person": {"forward": 2, "backward": 1}},
            "events": 3,
            "values": {"peak": 2.0, "bad": None},
        }
    }
    assert "s3cr3t" not in json.dumps(found)


def test_a_complete_analysis_needs_no_note(gate: RuleView) -> None:
    found = summary(Tally([gate])).to_json()
    assert found["complete"] is True
    assert "note" not in found
    assert summary(Tally([gate])).rules["gate"].counts == {"forward": 0, "backward": 0}


def test_an_old_summary_stays_until_the_new_one_is_whole(tmp_path: Path, gate: RuleView) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")
    write_summary(path, summary(Tally([gate])))
    assert json.loads(path.read_text("utf-8"))["vedette"] == "0.1.0"
    assert [entry.name for entry in tmp_path.iterdir()] == ["summary.json"]


def test_grids_take_one_line_a_row(tmp_path: Path, gate: RuleView) -> None:
    tally = Tally([replace(gate, id="a [ 1,  2 ]", type="heat_map")])
    rules = tally.rules({"a [ 1,  2 ]": {"rows": [[0.5, None], [1, 2]], "words": ["x  y"]}})
    write_summary(tmp_path / "s", replace(summary(tally), rules=rules))
    text = (tmp_path / "s").read_text("utf-8")
    assert "[ 0.5, null ]" in text
    assert json.loads(text)["rules"]["a [ 1,  2 ]"]["values"] == {"rows": [[0.5, None], [1, 2]], "words": ["x  y"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.arange(3), [0, 1, 2]),
        ({1: np.bool_(True)}, {"1": True}),
        ((float("inf"), None, "x"), [None, None, "x"]),
        (Path("p"), "p"),
    ],
)
def test_figures_become_plain_json(value: object, expected: object) -> None:
    assert plain(value) == expected
