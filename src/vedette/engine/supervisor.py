"""The one place that decides whether and when to try again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from vedette.model.errors import OperationError, SourceDenied


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long to wait after failures, in seconds.

    at_once    failures after which no time is lost
    first_s    after the first failure that waits
    factor     by how much each wait exceeds the one before
    longest_s  no wait is longer
    denied_s   after a refused login: often enough to notice a corrected camera, too seldom to have the account locked
    jitter     share by which a wait is shortened or lengthened by chance, so that not all come back at once
    """

    at_once: int = 0
    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 30.0
    denied_s: float = 300.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        if not (0.0 < self.first_s <= self.longest_s and self.factor >= 1.0 and 0.0 <= self.jitter < 1.0):
            raise ValueError("waits must be positive and must not shrink")


class Backoff:
    """Counts failures and says how long to wait. One of its own for everything that is tried again."""

    def __init__(self, waits: Waits, chance: random.Random) -> None:
        self._waits = waits
        self._chance = chance
        self.failures = 0

    def failed(self, *, denied: bool = False) -> float:
        """Count a failure; the seconds to wait now."""
        self.failures += 1
        waits = self._waits
        if denied:
            wait_s = waits.denied_s
        elif self.failures <= waits.at_once:
            return 0.0
        else:
            # The exponent is capped: after days of failures the power itself would be too large a number.
            grown = waits.factor ** min(64, self.failures - waits.at_once - 1)
            wait_s = min(waits.longest_s, waits.first_s * grown)
        return wait_s * self._chance.uniform(1.0 - waits.jitter, 1.0 + waits.jitter)

    def well(self) -> None:
        """It works: the next failure is the first again. For the caller to say once it has worked for a while."""
        self.failures = 0


def keep_trying(
    attempt: Callable[[], bool],
    backoff: Backoff,
    wait: Callable[[float], bool],
    failed: Callable[[OperationError | None, float], None],
) -> bool:
    """Call `attempt` until it is done (it answers True), or `wait` answers that it is time to stop.

    An attempt that answers False or raises OperationError has failed; `failed` is told why and how long the wait will
    be. Whether it was done.
    """
    while True:
        error: OperationError | None = None
        try:
            if attempt():
                return True
        except OperationError as found:
            error = found
        wait_s = backoff.failed(denied=isinstance(error, SourceDenied))
        failed(error, wait_s)
        if wait(wait_s):
            return False
