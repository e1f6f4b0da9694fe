import re
from pathlib import Path

import pytest

from vedette.cli.main import run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "vedette.yaml"
    path.write_text("data: data\ncameras: {door: {source: rtsp://192.0.2.7/main}}\n")
    (tmp_path / "data").mkdir()
    return str(path)


def lock(file: str, *more: str) -> int:
    return run(["lock", "add", "door", "--from", "-2h", "--to", "-1h", "-c", file, *more])


def test_a_lock_from_beginning_to_end(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", "list", "-c", file]) == 0
    assert "there are no locks" in capsys.readouterr().out
    assert lock(file, "--name", "theft [of] bread") == 0
    number = re.findall(r"locked as (\d+)", capsys.readouterr().out)[0]
    assert run(["lock", "list", "-c", file]) == 0
    shown = capsys.readouterr().out
    assert number in shown
    assert "door" in shown
    assert run(["lock", "end", number, "-c", file]) == 0
    assert "'theft [of] bread' is not locked any more" in capsys.readouterr().out
    assert run(["lock", "end", number, "-c", file]) == 2
    assert f"there is no lock {number}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "yard", "--from", "-2h", "--to", "now", "--name", "x"], "there is no camera 'yard': known are door"),
        (["add", "door", "--from", "-1h", "--to", "-2h", "--name", "x"], "the end (-2h) must lie after the start"),
        (["add", "door", "--from", "-1h", "--to", "now", "--name", " "], "a lock needs a name"),
        (["add", "door", "--from", "soon", "--to", "now", "--name", "x"], "'soon' is no moment"),
    ],
)
def test_wrong_use_is_told(file: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", *arguments, "-c", file]) == 2
    assert told in capsys.readouterr().err
