import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import vedette
from vedette.cli import main as cli
from vedette.model.errors import ConfigError, OperationError, SourceError, UsageError, WeightsError


def raising(error: BaseException) -> typer.Typer:
    """A program of one command that fails that way."""
    app = typer.Typer(pretty_exceptions_enable=False)

    def fail() -> None:
        raise error

    def other() -> None: ...

    app.command("fail")(fail)
    app.command("other")(other)
    return app


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("say what you want"), 2, "vedette: say what you want\n"),
        (ConfigError("rules.yaml: line 4: unknown key"), 2, "vedette: rules.yaml: line 4: unknown key\n"),
        (OperationError("the disk is full"), 1, "vedette: the disk is full\n"),
        (SourceError("clip.mp4: cannot be\nopened"), 1, "vedette: clip.mp4: cannot be opened\n"),
        (WeightsError("offline"), 1, "vedette: offline\n"),
        (KeyboardInterrupt(), 130, "vedette: interrupted\n"),
        (typer.Abort(), 130, "vedette: interrupted\n"),
        (typer.Exit(3), 3, ""),
        (typer.Exit(), 0, ""),
    ],
)
def test_errors_become_one_line_and_a_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "application", lambda: raising(error))
    assert cli.run(["fail"]) == status
    assert capsys.readouterr().err == line


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "application", lambda: raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.run(["fail"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "No such option: --nonsense"),
        (["plan", "--hfov", "wide"], "Invalid value for '--hfov'"),
        (["plan", "--hfvo", "90"], "--hfvo"),
        (["check-config"], "Missing argument"),
        (["check-config", "a", "b"], "unexpected extra argument"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vedette: ")
    assert word in said.err
    assert "--help)" in said.err
    assert said.err.count("\n") == 1


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"vedette {vedette.__version__}\n"


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    assert "vedette analyze shop.mp4" in capsys.readouterr().out


def test_a_reader_who_has_had_enough_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-m", "vedette.cli.main", "plan"]
    done = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


def test_the_program_itself(tmp_path: Path) -> None:
    program = [str(Path(sys.executable).with_name("vedette")), "check-config", str(tmp_path / "none.yaml")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"vedette: {tmp_path}/none.yaml: cannot be read: No such file or directory\n"
