from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from vedette.clock import SimulatedClock
from vedette.engine.logs import FallingRate, set_up_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def written() -> io.StringIO:
    to = io.StringIO()
    set_up_logs(SimulatedClock(), process="recorder", secrets=["hunter22"], to=to)
    return to


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_one_line_of_json_with_time_level_and_process(written: io.StringIO) -> None:
    structlog.get_logger("x").info("connected", camera="gate", fps=25.0)
    assert lines(written) == [
        {
            "event": "connected", "camera": "gate", "fps": 25.0, "level": "info", "logger": "x", "process": "recorder",
            "timestamp": "2023-11-14T22:13:20.000Z",
        }
    ]  # fmt: skip


def test_no_secret_in_any_field_nor_in_an_exception_nor_from_a_library(written: io.StringIO) -> None:
    log = structlog.get_logger("x")
    log.error("rtsp://u:hunter22@cam lost", deep={"list": ["http://u:p4ssword@x/"]}, password="p4ssword")  # noqa: S106
    try:
        int("tried rtsp://admin:p4ssword@cam/live and hunter22")
    except ValueError:
        log.exception("failed")
        logging.getLogger("lib").exception("lib failed with %s", "rtsp://u:p4ssword@cam")
    logging.getLogger("lib").warning("url %s", "rtsp://u:p4ssword@cam", extra={"token": "p4ssword"})
    structlog.get_logger("x").bind(url="srt://u:p4ssword@cam").warning("%s is odd", "srt://u:p4ssword@cam")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("rtsp://u:p4ssword@cam", stacklevel=1)
    text = written.getvalue()
    assert "p4ssword" not in text
    assert "hunter22" not in text
    assert len(lines(written)) == 6
    assert "ValueError" in text


def test_text_from_outside_makes_no_second_line(written: io.StringIO) -> None:
    structlog.get_logger("x").info("name", camera='a\nb {"event": "forged"} \u2028 \x1b[2J')
    assert len(written.getvalue().splitlines()) >= 1
    assert written.getvalue().count("\n") == 1
    assert "\x1b" not in written.getvalue()


def test_below_the_level_nothing_is_written(written: io.StringIO) -> None:
    structlog.get_logger("x").debug("quiet")
    logging.getLogger("lib").debug("quiet")
    assert written.getvalue() == ""


def test_console_form() -> None:
    to = io.StringIO()
    set_up_logs(SimulatedClock(), process="server", form="console", to=to)
    structlog.get_logger("x").info("ready at rtsp://u:p4ssword@cam")
    assert "ready at rtsp://***@cam" in to.getvalue()
    assert "\x1b" not in to.getvalue()


def test_falling_rate() -> None:
    rate = FallingRate()
    assert [rate.lets("a") for _ in range(9)] == [1, 2, 0, 4, 0, 0, 0, 8, 0]
    assert rate.lets("b") == 1
    assert rate.well("a")
    assert not rate.well("a")
    assert rate.lets("a") == 1


def test_falling_rate_forgets_the_oldest() -> None:
    rate = FallingRate()
    for number in range(10_000):
        rate.lets(str(number))
    assert len(rate._times) <= 4096
