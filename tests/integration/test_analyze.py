"""The whole pipeline with the real detector on drawn scenes: file or address in, files out."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest
import yaml

from vedette import analyze
from vedette.cli.main import run
from vedette.simulator.render import simulate

FILES = ("annotated.mp4", "events.jsonl", "heat_map.png", "report.html", "summary.json", "tracks.txt")
SIZE = (640, 360)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of a shop entrance with its truth and rules."""
    folder = tmp_path_factory.mktemp("shop")
    simulate("shop-entrance", folder, seconds=12.0, fps=10.0, size=SIZE, seed=5)
    return folder


@pytest.fixture(scope="module")
def analysed(shop: Path) -> Path:
    """What the command makes of it."""
    out = shop / "out"
    assert run(["analyze", str(shop / "video.mp4"), "-c", str(shop / "rules.yaml"), "-o", str(out)]) == 0
    return out


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


@cache
def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def test_all_files_are_there_and_agree(analysed: Path) -> None:
    assert sorted(path.name for path in analysed.iterdir()) == sorted(FILES)
    found, happened = summary(analysed), events(analysed)
    assert found["complete"] is True
    for rule, told in found["rules"].items():
        own = [event for event in happened if event["rule"] == rule]
        assert told["events"] == len(own)
        for way, count in told["counts"].items():
            assert count == sum(event["direction"] == way for event in own)
    with av.open(str(analysed / "annotated.mp4")) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == SIZE
        shown = [picture.time for picture in video.decode(video=0)]
    assert len(shown) == found["performance"]["frames_analyzed"] == 120
    assert shown[-1] == pytest.approx(11.9, abs=0.02)


def test_events_have_the_keys_that_are_promised(analysed: Path) -> None:
    keys = {"rule", "kind", "direction", "label", "track", "t_s", "utc", "frame", "anchor", "box", "score", "rule_hash"}
    happened = events(analysed)
    assert happened
    for event in happened:
        assert keys <= set(event)
        assert event["direction"] in (None, "forward", "backward")
        assert 0 <= event["frame"] < 120
        # The happening may lie between two frames; its frame is one of them.
        assert event["frame"] / 10 == pytest.approx(event["t_s"], abs=0.11)
        if event["anchor"]:
            assert all(-0.2 <= value <= 1.2 for value in event["anchor"])


def test_tracks_lie_in_the_picture_in_pixels(analysed: Path) -> None:
    rows = [row.split(",") for row in (analysed / "tracks.txt").read_text().splitlines()]
    assert len({row[1] for row in rows}) >= 2
    for frame, _, left, top, width, height, score, label, one in rows:
        assert 1 <= int(frame) <= 120
        assert float(left) + float(width) > 0
        assert float(left) < SIZE[0]
        assert float(top) + float(height) > 0
        assert float(top) < SIZE[1]
        assert 0 < float(score) <= 1
        assert label
        assert one == "1"


def test_counts_are_close_to_the_truth(shop: Path, analysed: Path) -> None:
    truth = json.loads((shop / "truth.json").read_text())
    found = summary(analysed)["rules"]
    for line, counts in truth["counts"].items():
        for way, count in counts.items():
            assert abs(found[line]["counts"][way] - count) <= 1


def test_an_address_gives_what_the_file_of_it_gives(shop: Path, analysed: Path, tmp_path: Path) -> None:
    address = f"sim:shop-entrance?seconds=12&fps=10&size={SIZE[0]}x{SIZE[1]}&seed=5"
    assert run(["analyze", address, "-c", str(shop / "rules.yaml"), "-o", str(tmp_path), "--no-video"]) == 0
    drawn, filmed = summary(tmp_path)["rules"], summary(analysed)["rules"]
    assert summary(tmp_path)["source"]["path"] == address
    for rule, told in drawn.items():
        if told["type"] == "line_crossing":
            assert sum(told["counts"].values()) == pytest.approx(sum(filmed[rule]["counts"].values()), abs=1)


def test_a_slice_has_the_events_of_the_whole(shop: Path, analysed: Path, tmp_path: Path) -> None:
    found = analyze(shop / "video.mp4", shop / "rules.yaml", tmp_path, start_s=4.0, end_s=10.0, video=False)
    assert found.source.frames == 60
    assert found.source.duration_s == pytest.approx(6.0)
    assert all(4.0 <= event["t_s"] <= 10.0 for event in events(tmp_path))
    frames = [int(row.split(",")[0]) for row in (tmp_path / "tracks.txt").read_text().splitlines()]
    assert min(frames) >= 41
    assert max(frames) <= 100
    # Those near the ends need a past or a future that the slice does not have.
    whole = [e for e in events(analysed) if e["kind"] == "crossed" and 6.0 <= e["t_s"] <= 9.0]
    part = [e for e in events(tmp_path) if e["kind"] == "crossed" and 6.0 <= e["t_s"] <= 9.0]
    assert abs(len(whole) - len(part)) <= 1
    for event in part:
        assert any(e["direction"] == event["direction"] and abs(e["t_s"] - event["t_s"]) < 0.3 for e in whole)


def test_the_same_video_twice_gives_the_same_bytes(shop: Path, analysed: Path, tmp_path: Path) -> None:
    analyze(shop / "video.mp4", shop / "rules.yaml", tmp_path, video=False)
    for name in ("events.jsonl", "tracks.txt"):
        assert (tmp_path / name).read_bytes() == (analysed / name).read_bytes()


@pytest.mark.parametrize("view", ["oblique", "overhead", "moving"])
def test_every_view_runs(view: str, shop: Path) -> None:
    rules = {**yaml.safe_load((shop / "rules.yaml").read_text()), "view": view}
    found = analyze(shop / "video.mp4", rules, fps=5.0, end_s=6.0)
    assert found.performance.frames_analyzed == 30
    assert found.performance.inferences >= (30 if view == "moving" else 5)


def test_gating_loses_no_crossing_and_saves_inferences(shop: Path, analysed: Path) -> None:
    rules = {**yaml.safe_load((shop / "rules.yaml").read_text()), "analysis": {"mode": "whole"}}
    whole = analyze(shop / "video.mp4", rules)
    gated = summary(analysed)
    assert whole.performance.inferences == 120
    for rule, told in whole.rules.items():
        if told.type == "line_crossing":
            assert sum(gated["rules"][rule]["counts"].values()) >= sum(told.counts.values()) - 1


MEASURE = """
import sys
from vedette import analyze
gate = {"id": "gate", "type": "line_crossing", "line": [[0.5, 0], [0.5, 1]]}
rules = {"rules": [gate, {"id": "heat", "type": "heat_map"}]}
found = analyze("sim:shop-entrance?size=1280x720&fps=10&people=5&seconds=" + sys.argv[1], rules, sys.argv[2])
print(found.performance.peak_rss_mb)
"""


@pytest.mark.slow
def test_memory_is_small_and_flat(tmp_path: Path) -> None:
    def peak_mb(seconds: int) -> float:
        program = [sys.executable, "-c", MEASURE, str(seconds), str(tmp_path / str(seconds))]
        return float(subprocess.run(program, capture_output=True, text=True, check=True).stdout)

    short, long = peak_mb(6), peak_mb(24)
    assert long < 600
    assert long - short < 60
