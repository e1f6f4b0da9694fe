"""The recorder as a process: from its start to an orderly end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from vedette.engine.keeper import Limits
from vedette.engine.recorder.options import StreamSettings
from vedette.engine.recorder.recorder import Recorder
from vedette.engine.signals import Signals
from vedette.model.errors import VedetteError
from vedette.model.media import Packet
from vedette.model.news import News
from vedette.model.recording import Keep

TURN_S: Final = 0.25
_log = structlog.get_logger(__name__)


class Hearing(Protocol):
    """The news of the other processes."""

    def receive(self, timeout_s: float) -> Packet | News | None:
        """The next, waiting for it; None when there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be recorded, and how much of it is kept; `limits` by the id of the storage folder."""

    streams: Sequence[StreamSettings]
    keep: Sequence[Keep] = ()
    limits: Mapping[str, Limits] | None = None


def run_recorder(recorder: Recorder, wanted: Callable[[], Wanted], hearing: Hearing, signals: Signals) -> bool:
    """Record until a signal asks for the end; whether nothing was left undone.

    wanted  reads the configuration; asked at the start and on SIGHUP. What it raises at the start goes to the caller,
            later it is logged and everything stays as it was
    """
    first = wanted()
    recorder.start(first.streams, first.keep, first.limits)
    _log.info("recorder started", streams=len(first.streams))
    while not signals.stopping:
        news = hearing.receive(TURN_S)
        if news is not None and not isinstance(news, Packet):
            recorder.hear(news)
        if signals.reload():
            _reload(recorder, wanted)
        recorder.tick()
    well = recorder.stop()
    _log.info("recorder stopped", complete=well)
    return well


def _reload(recorder: Recorder, wanted: Callable[[], Wanted]) -> None:
    try:
        new = wanted()
    except VedetteError as error:
        _log.error("configuration not taken, the one before stays in force", why=str(error))
        return
    recorder.apply(new.streams, new.keep, new.limits)
    _log.info("configuration read again", streams=len(new.streams))
