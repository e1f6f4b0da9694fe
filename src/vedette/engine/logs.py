"""Structured logs of every process, without secrets."""

from __future__ import annotations

import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from vedette.model.ports import Clock
from vedette.model.redaction import Redactor
from vedette.model.time import rfc3339

LogForm = Literal["json", "console"]
KEPT: Final = 4096
_NOISY: Final = ("alembic", "asyncio", "uvicorn", "PIL", "matplotlib", "multipart")


def set_up_logs(
    clock: Clock,
    *,
    process: str,
    form: LogForm = "json",
    level: str = "info",
    secrets: Iterable[str] = (),
    to: TextIO | None = None,
) -> None:
    """Send the logs of this process, those of libraries too, to `to` (stderr): one line each, secrets hidden.

    process  which process speaks; a field of every line
    secrets  camera passwords and the like, hidden wherever they appear
    """
    to = sys.stderr if to is None else to
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _Stamp(clock, process),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _Hide(Redactor(secrets)),
                _renderer(form, to),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=False,
    )


def _renderer(form: LogForm, to: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=to.isatty())


class _Stamp:
    """Adds when and which process."""

    def __init__(self, clock: Clock, process: str) -> None:
        self._clock, self._process = clock, process

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """One line's fields with two more."""
        del logger, method
        event["timestamp"] = rfc3339(self._clock.utc_ns())
        event["process"] = self._process
        return event


class _Hide:
    """Hides secrets in every field, the last step before a line is written."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """One line's fields, fit to be written."""
        del logger, method
        hidden = self._redactor.value(event)
        return hidden if isinstance(hidden, dict) else {}


class FallingRate:
    """Lets the same message through the 1st, 2nd, 4th, 8th... time it comes, until it is told that all is well.

    May be used from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: OrderedDict[str, int] = OrderedDict()

    def lets(self, about: str) -> int:
        """How often it has come by now when it is to be said, 0 when not."""
        with self._lock:
            times = self._times.get(about, 0) + 1
            self._times[about] = times
            self._times.move_to_end(about)
            if len(self._times) > KEPT:
                self._times.popitem(last=False)
        return times if times & (times - 1) == 0 else 0

    def well(self, about: str) -> bool:
        """Begin anew with `about`; whether something had been said."""
        with self._lock:
            return self._times.pop(about, 0) > 0
