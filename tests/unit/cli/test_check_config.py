from pathlib import Path

import pytest

from vedette.cli.main import run

GOOD = """\
camera: shop [1]
view: oblique
detector: {name: yolox-nano, min_score: 0.4}
rules:
  - {id: gate, type: line_crossing, line: [[0.42, 0.0], [0.42, 1.0]], labels: [person], names: {forward: west}}
  - {id: belt, type: line_crossing, line: [[0.0, 0.5], [1.0, 0.5]], min_age_s: 2}
  - {id: yard, type: intrusion, zone: [[0, 0.5], [0.5, 0.5], [0.5, 1], [0, 1]], labels: [person, vehicle], dwell_s: 2}
"""


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_sound_file_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    assert run(["check-config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "is sound: 3 rules for shop [1]" in said
    assert "detector yolox-nano with min_score 0.4" in said
    assert "forward ('west'): right to left" in said
    assert "backward: left to right" in said
    assert "forward: top to bottom" in said
    assert "min_age_s 2" in said
    assert "about 25% of the picture" in said
    assert "person, vehicle" in said


def test_every_problem_is_told_on_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("view: up\nrules:\n- {id: a, type: nope}\n")
    assert run(["check-config", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith(f"vedette: {path}: line 1: view: must be")
    assert second.startswith(f"vedette: {path}: line 3: rules[0] 'a': unknown rule type 'nope'")


def test_a_system_is_told_without_its_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "vedette.yaml"
    path.write_text(
        "storage: [{path: video, max_size: 500 GB}]\n"
        "database: postgresql://shop:geheim@localhost/vedette\n"
        "cameras:\n"
        "  door:\n"
        "    name: Front door\n"
        "    source: rtsp://shop:geheim@192.0.2.7/main\n"
        "    masks: [[[0, 0], [0.2, 0], [0.2, 0.2]]]\n"
        "    rules: [{id: gate, type: line_crossing, line: [[0.4, 0], [0.4, 1]]}]\n"
    )
    assert run(["check-config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "is sound: 1 camera\n" in said
    assert "500 GB" in said
    assert "geheim" not in said
    assert "main: rtsp://***@192.0.2.7/main" in said
    assert "main, 5 frames a second" in said
    assert "gate (line_crossing)" in said
    assert "is not covered by its masks" in said
