from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from vedette.cli import models
from vedette.model.errors import WeightsError
from vedette.vision import weights


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setenv("VEDETTE_CACHE", str(tmp_path))
    monkeypatch.setenv("VEDETTE_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def call(*arguments: str) -> Result:
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    models.register(app)
    return CliRunner().invoke(app, ["models", *arguments])


@pytest.fixture(scope="module")
def good() -> bytes:
    return weights.read("yolox-nano")


def put(cache: Path, data: bytes) -> Path:
    path = cache / "weights" / "yolox_nano.onnx"
    path.parent.mkdir()
    path.write_bytes(data)
    return path


def test_list_shows_what_is_not_there_yet(cache: Path) -> None:
    result = call("list")
    assert result.exit_code == 0
    for text in (
        "yolox-nano",
        "not fetched",
        "3.7",
        "695e750a5d57",
        "Apache-2.0",
        str(cache / "weights"),
        "yolox_nano.onnx",
    ):
        assert text in result.output


def test_verify_fails_with_the_place_when_missing(cache: Path) -> None:
    result = call("verify")
    assert isinstance(result.exception, WeightsError)
    assert str(cache / "weights" / "yolox_nano.onnx") in str(result.exception)


def test_verify_and_list_tell_a_damaged_file(cache: Path) -> None:
    put(cache, b"nothing good")
    assert "damaged" in call("list").output
    result = call("verify", "yolox-nano")
    assert isinstance(result.exception, WeightsError)
    assert "run `vedette models fetch yolox-nano` to replace it" in str(result.exception)


def test_a_good_file_is_verified_and_not_fetched_again(cache: Path, good: bytes) -> None:
    path = put(cache, good)
    result = call("verify")
    assert result.exit_code == 0
    assert "verified" in result.output
    result = call("fetch", "yolox-nano")
    assert result.exit_code == 0
    assert f"yolox-nano: {path}" in result.output


def test_fetch_offline_says_what_to_do() -> None:
    result = call("fetch")
    assert isinstance(result.exception, WeightsError)
    assert "VEDETTE_OFFLINE is set" in str(result.exception)


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    result = call("verify", "yolo")
    assert isinstance(result.exception, WeightsError)
    assert "known are: yolox-nano" in str(result.exception)


@pytest.mark.parametrize("command", ["list", "fetch", "verify"])
def test_help_has_an_example(command: str) -> None:
    assert f"vedette models {command}" in call(command, "--help").output


def test_without_a_command_the_help_is_shown() -> None:
    result = call()
    assert result.exit_code == 0
    assert "vedette models fetch" in result.output
