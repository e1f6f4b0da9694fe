from pathlib import Path

import cv2
import numpy as np
import pytest

from vedette.cli.main import run


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def rows(said: str) -> dict[str, list[str]]:
    """Rows of the tables by their first cell."""
    lines = [line.strip("│ ").split("│") for line in said.splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan --resolution 1920x1080 --hfov 90 --height 1.7 --tilt 0".split()) == 0
    found = rows(capsys.readouterr().out)
    # 960 px focal length at the height of the eyes: 960 / density metres.
    assert found["observe"] == ["16", "62.5", "0.0 m to 15 m"]
    assert found["identify"] == ["4", "250", "0.0 m to 3.8 m"]
    assert found["10 m"] == ["96", "observe", "163 px high", "yes, at once"]
    assert found["20 m"] == ["48", "detect", "82 px high", "yes, in a crop"]
    assert found["70 m"] == ["14", "monitor", "23 px high", "no: too small"]
    assert found["2 m"][3] == "partly in view"


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ("", "1920x1080, 90° across and 59° down, 3 m up, tilted 29° down"),
        ("--resolution 4k --hfov 60 --tilt 10", "3840x2160, 60° across and 36° down, 3 m up, tilted 10° down"),
        ("--resolution 720P --focal-mm 2.8 --sensor 1/2.8", "1280x720, 85° across"),
        ("--focal-mm 4 --sensor 1/3", "1920x1080, 62° across"),
    ],
)
def test_the_camera_as_understood(given: str, header: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", *given.split()]) == 0
    assert header in capsys.readouterr().out


def test_what_is_not_in_view_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run("plan --hfov 90 --height 2 --tilt 0".split())
    assert "Not in view: the ground nearer than 3.6 m, a face nearer than 0.5 m." in capsys.readouterr().out
    run("plan --hfov 90 --tilt 90".split())
    assert "Not in view: a face beyond 0.7 m." in capsys.readouterr().out
    run("plan --hfov 20 --height 1 --tilt 45".split())
    assert "every face" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("--hfov 90 --focal-mm 4", "not both"),
        ("--focal-mm 4 --sensor 9/7", "unknown sensor format '9/7'"),
        ("--focal-mm 0", "greater than 0"),
        ("--focal-mm nan", "finite"),
        ("--hfov 179", "horizontal angle"),
        ("--hfov nan", "finite"),
        ("--resolution huge", "unknown resolution 'huge'"),
        ("--resolution 10x10", "not possible"),
        ("--height -3", "mounted"),
        ("--target-height 0", "--target-height"),
        ("--person-px nan", "--person-px"),
    ],
)
def test_what_is_no_camera_is_refused_in_a_line(given: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", *given.split()]) == 2
    said = capsys.readouterr()
    assert word in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "given", ["", "--tilt 90", "--tilt 0 --hfov 5", "--height 1 --tilt 45 --hfov 20", "--height 30 --tilt 60"]
)
def test_the_picture(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.png"
    assert run(["plan", *given.split(), "-o", str(path)]) == 0
    assert f"picture: {path}" in capsys.readouterr().out
    picture = cv2.imread(str(path))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_a_picture_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "-o", str(tmp_path / "no" / "plan.png")]) == 1
    assert "cannot write" in capsys.readouterr().err
