from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vedette.app.process import make_data_folder, secrets_of, settled
from vedette.config import SystemConfig, system_from_mapping
from vedette.model.errors import OutputError

DOOR = {"source": "rtsp://shop:p%40ss%2Fword@192.0.2.7/main"}


def config(folder: Path, **more: Any) -> SystemConfig:
    return system_from_mapping({"data": "data", "cameras": {"door": DOOR}, **more}, folder)


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_data_folder(tmp_path / "above" / "data")
    assert (tmp_path / "above" / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made") as refused:
        make_data_folder(tmp_path / place)
    assert "name another with data:" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_passwords_are_known_as_they_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YARD_PASSWORD", "env: one?")
    (tmp_path / "gate.password").write_text("from file\r\n")
    cameras = {
        "door": DOOR,
        "yard": {"source": "http://192.0.2.8/cgi?user=a&code={password}", "password_env": "YARD_PASSWORD"},
        "gate": {"source": "rtsp://a:{password}@192.0.2.9/x", "password_file": "gate.password"},
    }
    made = config(tmp_path, cameras=cameras, database="postgresql://vedette:s3cret@192.0.2.1/vedette")
    assert set(secrets_of(made)) == {"p@ss/word", "env: one?", "from file", "s3cret"}
    assert not [secret for secret in secrets_of(made) if secret in repr(made)]


def test_cameras_change_while_a_process_runs_and_places_do_not(tmp_path: Path) -> None:
    old = config(tmp_path, storage=[{"path": "video"}])
    new = config(tmp_path, data="elsewhere", storage=[{"path": "other"}], cameras={"yard": DOOR}, retention={"days": 1})
    taken = settled(new, old)
    assert [camera.id for camera in taken.cameras] == ["yard"]
    assert taken.retention.days == 1
    assert (taken.data, taken.database, taken.storage) == (old.data, old.database, old.storage)


def test_how_much_a_storage_folder_may_hold_changes_while_a_process_runs(tmp_path: Path) -> None:
    old = config(tmp_path, storage=[{"path": "video", "max_size": "5 GB"}])
    new = config(tmp_path, storage=[{"path": "video", "max_size": "9 GB"}])
    assert settled(new, old).storage[0].max_size == 9 * 10**9
