"""What a process is asked from outside: to end, or to read its configuration again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def _leave() -> None:
    sys.stderr.flush()
    os._exit(1)


class Signals:
    """SIGTERM and SIGINT ask for an orderly end; a second one ends the process at once. SIGHUP asks for a reload.

    leave  what the second one does
    """

    def __init__(self, leave: Callable[[], None] = _leave) -> None:
        self.leave = leave
        self.stopping = False
        self._reload = False

    def install(self) -> None:
        """Take the signals of this process; for its main thread."""
        for number in (*ENDING, signal.SIGHUP):
            signal.signal(number, self.take)

    def take(self, number: int, frame: FrameType | None = None) -> None:
        """A signal came."""
        del frame
        if number == signal.SIGHUP:
            self._reload = True
        elif self.stopping:
            self.leave()
        else:
            self.stopping = True

    @property
    def reloading(self) -> bool:
        """Whether a reload was asked for and nobody has taken note of it."""
        return self._reload

    def reload(self) -> bool:
        """Whether a reload was asked for since the last question."""
        asked, self._reload = self._reload, False
        return asked
