"""Which frames are analysed when fewer than all are wanted."""

from __future__ import annotations

from vedette.model.time import NS_PER_S, Instant


class Pace:
    """Thins a stream to about `fps` frames a second by capture time; None takes every frame.

    The wanted moments lie on a fixed grid from the first frame on, so that irregular frames do not make the pace drift.
    """

    def __init__(self, fps: float | None) -> None:
        if fps is not None and not fps > 0.0:
            raise ValueError("fps must be greater than 0")
        self._step_ns = None if fps is None else NS_PER_S / fps
        self._start_ns: int | None = None
        self._taken = -1

    def takes(self, at: Instant) -> bool:
        """Whether the frame captured at `at` is one of those wanted. Ask once for each frame, in order."""
        if self._step_ns is None:
            return True
        if self._start_ns is None:
            self._start_ns = at.stream_ns
        # A tenth of a step forgives rounded time stamps.
        turn = int((at.stream_ns - self._start_ns) / self._step_ns + 0.1)
        if turn <= self._taken:
            return False
        self._taken = turn
        return True
