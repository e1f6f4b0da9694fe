from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vedette.app import analysis as app
from vedette.cli.analyze import show
from vedette.cli.main import run
from vedette.model.errors import SourceLost
from vedette.reports.summary import ModelSummary, Performance, RuleSummary, SourceSummary, Summary

SOURCE = SourceSummary(path="shop.mp4", width=1280, height=720, frames=250, duration_s=10.0, fps=25.0)
WORK = Performance(wall_s=2.5, cpu_s=4.0, frames_decoded=250, frames_analyzed=50, inferences=31, peak_rss_mb=212.4)
GATE = RuleSummary(type="line_crossing", counts={"forward": 3, "backward": 1}, by_label={}, events=4, values={})
YARD = RuleSummary(type="intrusion", counts={"forward": 0, "backward": 0}, by_label={}, events=2, values={})


def summary(**rules: RuleSummary) -> Summary:
    model = ModelSummary(name="yolox-nano", sha256="ab")
    return Summary(source=SOURCE, rules=rules, performance=WORK, model=model, vedette="1")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the pipeline for; it answers with a summary at once."""
    seen: list[dict[str, Any]] = []

    def analyze(source: str, rules: Path | None, out: Path | None, **options: Any) -> Summary:
        seen.append({"source": source, "rules": rules, "out": out, **options})
        return summary(gate=GATE)

    monkeypatch.setattr(app, "analyze", analyze)
    return seen


def test_every_option_arrives(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    line = "analyze shop.mp4 -c rules.yaml -o out --fps 5 --start 1.5 --end 9 --no-video"
    assert run(line.split()) == 0
    (options,) = asked
    del options["progress"]
    assert options == {
        "source": "shop.mp4", "rules": Path("rules.yaml"), "out": Path("out"),
        "fps": 5.0, "start_s": 1.5, "end_s": 9.0, "video": False,
    }  # fmt: skip
    assert "Report: out/report.html" in capsys.readouterr().out


def test_a_source_is_all_that_is_needed(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "webcam:0"]) == 0
    (options,) = asked
    del options["progress"]
    assert options == {
        "source": "webcam:0", "rules": None, "out": None, "fps": None, "start_s": 0.0, "end_s": None, "video": True
    }  # fmt: skip
    assert "Report" not in capsys.readouterr().out


def test_counts_are_a_table_and_the_work_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show(summary(gate=GATE, yard=YARD))
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert rows == [["gate", "line_crossing", "3", "1", "4"], ["yard", "intrusion", "", "", "2"]]
    assert said.splitlines()[-1] == (
        "50 of 250 frames analysed in 2.5 s (4.0 times as fast as it was filmed), 31 inferences, 212 MB at most"
    )


def test_without_rules_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    show(summary())
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_name_with_markup_in_it_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(summary(**{"[red]gate[/red]": GATE}))
    assert "[red]gate[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(("error", "status"), [(SourceLost("it broke off"), 1), (KeyboardInterrupt(), 130)])
def test_partial_results_are_told_beside_the_error(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> Summary:
        error.add_note("What was found until then is in out")
        raise error

    monkeypatch.setattr(app, "analyze", broken)
    assert run(["analyze", "shop.mp4", "-o", "out"]) == status
    said = capsys.readouterr()
    assert said.out == "What was found until then is in out\n"
    assert said.err.count("\n") == 1


def test_results_of_an_earlier_run_are_not_told_as_those_of_one_that_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"complete": True}))
    assert run(["analyze", str(tmp_path / "none.mp4"), "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "summary.json").read_text()) == {"complete": True}


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "--help"]) == 0
    assert "vedette analyze shop.mp4 -c rules.yaml -o out" in capsys.readouterr().out
