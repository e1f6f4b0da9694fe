"""What all tests share: where the footage is, and the rule that no test is skipped unnoticed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

ALLOWED_SKIPS = HERE / "skips.txt"
_skipped: dict[str, str] = {}


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return ROOT


@pytest.fixture(scope="session")
def footage() -> Callable[[str], Path]:
    """Path of a file of the test footage by its name there; the test is skipped when it is not there."""
    folder = Path(os.environ.get("VEDETTE_FOOTAGE") or ROOT.parent / "shared" / "footage")

    def find(name: str) -> Path:
        path = (folder if folder.is_absolute() else ROOT / folder) / name
        if not path.exists():
            pytest.skip(f"no footage {name}")
        return path

    return find


def allowed_reasons() -> list[re.Pattern[str]]:
    """The reasons of `skips.txt`, one pattern a line."""
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    return [re.compile(line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def unlisted(skipped: dict[str, str], allowed: list[re.Pattern[str]]) -> Iterator[str]:
    """The skipped tests whose reason no pattern covers, as `test: reason`."""
    for test, reason in sorted(skipped.items()):
        if not any(pattern.fullmatch(reason) for pattern in allowed):
            yield f"{test}: {reason}"


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember a skipped test."""
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember a file that skipped itself."""
    _note(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, fail when a test was skipped for a reason that is not listed."""
    if os.environ.get("CI") != "true" or hasattr(session.config, "workerinput"):
        return
    if list(unlisted(_skipped, allowed_reasons())) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which skips made the run fail."""
    if os.environ.get("CI") != "true":
        return
    for line in unlisted(_skipped, allowed_reasons()):
        terminalreporter.write_line(f"skipped for a reason that tests/skips.txt does not list: {line}", red=True)
