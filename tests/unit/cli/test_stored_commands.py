"""The commands that ask what was recorded: what they say of wrong use."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.cli.main import run

SPAN = ("--from", "-1h")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "vedette.yaml").write_text("data: data\ncameras: {door: {source: rtsp://192.0.2.7/main}}\n")
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["export"], 2, "Missing argument"),
        (["export", "door"], 2, "Missing option"),
        (["export", "door", *SPAN], 2, "Missing option"),
        (["export", "door", *SPAN, "-o", "x.mp4", "-c", "no.yaml"], 2, "no.yaml: cannot be read: No such file"),
        (["export", "door", *SPAN, "-o", "x.mp4", "-c", "rules.yaml"], 2, "holds the rules of one camera"),
        (["export", "gate", *SPAN, "-o", "x.mp4"], 2, "there is no camera 'gate': known are door"),
        (["export", "door", "--from", "", "-o", "x.mp4"], 2, "'' is no moment"),
        (["export", "door", "--from", "soon", "-o", "x.mp4"], 2, "'soon' is no moment"),
        (["export", "door", "--from", "now", "-o", "x.mp4"], 2, "the end (now) must lie after the start (now)"),
        (["export", "door", "--from", "-99999999d", "-o", "x.mp4"], 2, "must be between 1970 and 2262"),
        (["export", "door", *SPAN, "--to", "9999-01-01", "-o", "x.mp4"], 2, "must be between 1970 and 2262"),
        (["export", "door", *SPAN, "-o", "x.mp4"], 1, "there is no database"),
        (["fsck", "door"], 2, "unexpected extra argument"),
        (["fsck", "-c", "no.yaml"], 2, "no.yaml: cannot be read"),
        (["fsck"], 1, "nothing was ever recorded into"),
        (["fsck", "--repair"], 1, "nothing was ever recorded into"),
        (["replay"], 2, "Missing option"),
        (["replay", "--camera", "gate", *SPAN], 2, "there is no camera 'gate'"),
        (["replay", "--camera", "door", "--from", "now"], 2, "must lie after"),
        (
            ["replay", "--camera", "door", *SPAN, "-c", "rules.yaml", "--system", "no.yaml"],
            2,
            "no.yaml: cannot be read",
        ),
        (["replay", "--camera", "door", *SPAN, "-c", "rules.yaml"], 1, "there is no database"),
        (["replay", "--camera", "door", *SPAN], 1, "there is no database"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    arguments: list[str], status: int, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == status
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(path.name for path in folder.iterdir()) == ["rules.yaml", "vedette.yaml"]
