from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vedette.app import analysis as app
from vedette.cli.main import run
from vedette.model.errors import OutputError
from vedette.reports.summary import ModelSummary, Performance, RuleSummary, SourceSummary, Summary
from vedette.simulator import render
from vedette.simulator.scenes import SCENES

SOURCE = SourceSummary(path="video.mp4", width=1280, height=720, frames=24, duration_s=2.0, fps=12.0)
WORK = Performance(wall_s=1.0, cpu_s=1.0, frames_decoded=24, frames_analyzed=24, inferences=9, peak_rss_mb=200.0)
DOOR = RuleSummary(type="line_crossing", counts={"forward": 4, "backward": 2}, by_label={}, events=6, values={})


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Scenes that the demo had drawn; nothing is drawn or analysed for real."""
    scenes: list[dict[str, Any]] = []

    def simulate(scene: str, folder: Path, *, seconds: float, seed: int, progress: Any) -> SimpleNamespace:  # noqa: ANN401
        scenes.append({"scene": scene, "folder": folder, "seconds": seconds, "seed": seed})
        progress(1, 24)
        return SimpleNamespace(seconds=seconds, counts={"door": {"forward": 5, "backward": 2}})

    def analyze(video: Path, rules: Path, out: Path, **_: object) -> Summary:
        assert (video.name, rules.name, out.name) == ("video.mp4", "rules.yaml", "analysis")
        assert video.parent == rules.parent == out.parent
        model = ModelSummary(name="yolox-nano", sha256="ab")
        return Summary(source=SOURCE, rules={"door": DOOR}, performance=WORK, model=model, vedette="1")

    monkeypatch.setattr(render, "simulate", simulate)
    monkeypatch.setattr(app, "analyze", analyze)
    return scenes


def test_every_scene_is_held_against_its_truth(
    drawn: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "-o", str(tmp_path), "--seconds", "2", "--seed", "3"]) == 0
    assert [scene["scene"] for scene in drawn] == list(SCENES)
    assert {(scene["seconds"], scene["seed"]) for scene in drawn} == {(2.0, 3)}
    assert [scene["folder"] for scene in drawn] == [tmp_path / name for name in SCENES]
    said = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    for name in SCENES:
        assert [name, "door", "forward", "5", "4"] in rows
        assert [name, "door", "backward", "2", "2"] in rows
        assert (
            str(tmp_path / name / "analysis" / "report.html") in said.out.splitlines()[-2] + said.out.splitlines()[-1]
        )
    assert said.err == ""


def test_a_drawing_that_was_stopped_stops_the_demo(
    drawn: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "simulate", lambda *_, **__: SimpleNamespace(seconds=3.0, counts={}))
    assert run(["demo", "-o", str(tmp_path), "--seconds", "20"]) == 130
    assert drawn == []
    assert capsys.readouterr().err == "vedette: interrupted\n"


def test_what_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("cannot write video.mp4: the disk is full")

    monkeypatch.setattr(render, "simulate", full)
    assert run(["demo", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "vedette: cannot write video.mp4: the disk is full\n"


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_length_that_is_none_is_refused_in_one_line(
    seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "-o", str(tmp_path / "out"), "--seconds", seconds]) == 2
    assert capsys.readouterr().err == "vedette: seconds must lie between 0 and 86400\n"
    assert not (tmp_path / "out").exists()
