from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vedette.cli.main import run

CAMERA = "data: data\nstorage: [{path: video}]\nserver: {port: 0}\ncameras: {}\n"


@pytest.mark.parametrize(
    ("written", "arguments", "told"),
    [
        (None, [], "there is no vedette.yaml: write one (docs/guide/run.md shows how)"),
        (None, ["-c", "other.yaml"], "there is no other.yaml"),
        (None, ["-c", "."], ".: cannot be read: Is a directory"),
        (None, ["more"], "Got unexpected extra argument(s) (more)"),
        (CAMERA, ["--log", "xml"], "--log is console or json, not xml"),
        (CAMERA, ["--only", "nobody"], "'nobody' is not one of 'recorder', 'analyzer', 'server'"),
        (CAMERA, ["--only", "Recorder"], "is not one of"),
        (CAMERA, ["--only"], "requires an argument"),
        ("", [], "vedette.yaml: is empty"),
        ("- 1", [], "must hold keys with values"),
        ("rules: []", [], "holds the rules of one camera; here cameras: are needed"),
        ("cameras: {a: {sorce: x}}", [], "line 1: cameras.a: unknown key 'sorce'; did you mean 'source'?"),
        ("cameras: {a: {source: shop.mp4}}", [], "is no camera"),
        ("cameras: {a: {source: 'rtsp://u:secret-word@'}}", [], "is not an address of a camera"),
        ("cameras: {a: {source: 'sim:nowhere'}}", [], "unknown scene 'nowhere'"),
        ("server: {host: 0.0.0.0}", [], "host must be 127.0.0.1, ::1 or localhost"),
    ],
)
def test_wrong_use_is_one_line(  # noqa: PLR0917 - fixtures
    written: str | None,
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if written is not None:
        (tmp_path / "vedette.yaml").write_text(written)
    assert run(["run", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert said.err.startswith("vedette: ")
    assert said.err.count("\n") == 1
    assert "secret-word" not in said.err
    assert not (tmp_path / "data").exists()


def ended(folder: Path, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "vedette.cli.main", "run", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_what_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "vedette.yaml").write_text("data: file/data\ncameras: {}\n")
    status, out, err = ended(tmp_path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "the data folder" in err
    (tmp_path / "vedette.yaml").write_text("data: data\nstorage: [{path: file}]\ncameras: {}\n")
    status, out, err = ended(tmp_path, "--only", "recorder")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "a file is where a folder should be" in err


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        (tmp_path / "vedette.yaml").write_text(f"data: data\nserver: {{port: {port}}}\ncameras: {{}}\n")
        status, out, err = ended(tmp_path, "--only", "server")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"cannot listen on 127.0.0.1 port {port}" in err


@pytest.mark.parametrize(
    ("number", "log"), [(signal.SIGINT, "console"), (signal.SIGTERM, "json")], ids=["ctrl-c", "sigterm"]
)
def test_a_recorder_without_cameras_starts_and_ends_in_order(tmp_path: Path, number: int, log: str) -> None:
    (tmp_path / "vedette.yaml").write_text(CAMERA)
    command = [sys.executable, "-m", "vedette.cli.main", "run", "--only", "recorder", "--log", log]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "recorder started" in line:
                process.send_signal(number)
        assert process.wait(30) == 0
