"""One detector for all cameras of a process: batches, the most urgent first, no camera starved."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vedette.model.detections import Detections
from vedette.model.errors import DetectorError
from vedette.model.media import Image
from vedette.model.ports import Clock, Detector
from vedette.model.time import NS_PER_S

URGENT_S: Final = 0.2
"""What is urgent is due so long after it was asked."""
SWEEP_S: Final = 3.0
"""What is not may wait so long; then it is as urgent as anything."""
PATIENCE_S: Final = 30.0
"""A camera that waits longer for an answer takes the detector for dead."""


@dataclass(eq=False)
class _Request:
    camera: str
    images: Sequence[Image]
    due_ns: int
    number: int
    answers: dict[int, Detections] = field(default_factory=dict)
    begun: int = 0
    error: DetectorError | None = None

    @property
    def done(self) -> bool:
        return self.error is not None or len(self.answers) == len(self.images)


class DetectorService:
    """Shares detectors, one per device, among cameras.

    Every camera has at most one request waiting, for it waits itself. A batch takes pictures in turn from the waiting
    requests, the one that is due soonest first, so that a camera that asks for many gets no more at a time than one
    that asks for one. An answer that fails is asked for once more, alone: one camera's bad picture harms no other.

    detectors  of the same model, one for each device; each is used by one thread only
    most       pictures in a batch

    `served` counts the pictures of each camera; `trouble` says what went wrong last, empty once an answer came.
    """

    def __init__(self, detectors: Sequence[Detector], clock: Clock, *, most: int = 4) -> None:
        if not detectors or most < 1:
            raise ValueError("a detector service needs a detector and batches of at least 1")
        self.shared = detectors[0]
        self.served: dict[str, int] = {}
        self.trouble = ""
        self._clock, self._most = clock, most
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []
        self._number = 0
        self._closed = False
        self._batches = self._pictures = self._failures = 0
        self._threads = [
            threading.Thread(target=self._serve, args=(detector,), name=f"detector {number}", daemon=True)
            for number, detector in enumerate(detectors)
        ]
        for thread in self._threads:
            thread.start()

    def for_camera(self, camera: str) -> CameraDetector:
        """The detector as one camera's loop sees it. One per camera, used by one thread."""
        return CameraDetector(self, camera)

    def figures(self) -> dict[str, float]:
        """Totals: `batches`, `pictures`, `failures`; and `waiting` requests now."""
        with self._changed:
            return {
                "batches": float(self._batches),
                "pictures": float(self._pictures),
                "failures": float(self._failures),
                "waiting": float(len(self._waiting)),
            }

    def ask(self, camera: str, images: Sequence[Image], *, urgent: bool) -> list[Detections]:
        """Answers for `images`, once it is their turn. Raises DetectorError."""
        if not images:
            return []
        patience_ns = round((URGENT_S if urgent else SWEEP_S) * NS_PER_S)
        with self._changed:
            if self._closed:
                raise DetectorError("the detector has been stopped")
            self._number += 1
            request = _Request(camera, images, self._clock.monotonic_ns() + patience_ns, self._number)
            self._waiting.append(request)
            self._changed.notify_all()
            answered = self._changed.wait_for(lambda: request.done or self._closed, PATIENCE_S)
            if request in self._waiting:
                self._waiting.remove(request)
            if request.error is not None:
                raise request.error
            if not request.done:
                why = "has been stopped" if answered else f"has not answered for {PATIENCE_S:g} s"
                raise DetectorError(f"the detector {why}")
        return [request.answers[number] for number in range(len(images))]

    def close(self) -> None:
        """Stop serving; whoever waits gets DetectorError. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    # -- the device's thread --------------------------------------------------------------------------------------

    def _serve(self, detector: Detector) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                answers = _answers(detector, [request.images[number] for request, number in batch])
            except DetectorError:
                self._one_by_one(detector, batch)
            else:
                self._hand_out(batch, answers)

    def _next_batch(self) -> list[tuple[_Request, int]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._open())
            if self._closed:
                return None
            waiting = self._open()
            batch: list[tuple[_Request, int]] = []
            while waiting and len(batch) < self._most:
                for request in waiting[: self._most - len(batch)]:
                    batch.append((request, request.begun))
                    request.begun += 1
                waiting = [request for request in waiting if request.begun < len(request.images)]
            return batch

    def _open(self) -> list[_Request]:
        """Requests with pictures that nobody looks at yet, the one that is due soonest first."""
        left = [request for request in self._waiting if request.begun < len(request.images) and not request.error]
        return sorted(left, key=lambda request: (request.due_ns, request.number))

    def _one_by_one(self, detector: Detector, batch: list[tuple[_Request, int]]) -> None:
        for request, number in batch:
            try:
                answers = _answers(detector, [request.images[number]])
            except DetectorError as error:
                with self._changed:
                    self._failures += 1
                    request.error = error
                    self.trouble = str(error)
                    self._changed.notify_all()
            else:
                self._hand_out([(request, number)], answers)

    def _hand_out(self, batch: list[tuple[_Request, int]], answers: list[Detections]) -> None:
        with self._changed:
            self._batches += 1
            self.trouble = ""
            self._pictures += len(batch)
            for (request, number), answer in zip(batch, answers, strict=True):
                request.answers[number] = answer
                self.served[request.camera] = self.served.get(request.camera, 0) + 1
            self._changed.notify_all()


class CameraDetector:
    """Implements `Detector` towards one camera's perception."""

    def __init__(self, service: DetectorService, camera: str) -> None:
        self._service, self._camera = service, camera
        self._urgent = True

    @property
    def names(self) -> tuple[str, ...]:
        """Class names that the answers index."""
        return self._service.shared.names

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) in pixels that pictures are scaled into."""
        return self._service.shared.input_size

    @property
    def model(self) -> tuple[str, str]:
        """Name and SHA-256 of the weights."""
        return self._service.shared.model

    def hurry(self, urgent: bool) -> None:
        """Whether what is asked from now on is urgent; a sweep of a camera at rest is not."""
        self._urgent = urgent

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One answer per picture; waits for its turn. Raises DetectorError."""
        return self._service.ask(self._camera, images, urgent=self._urgent)


def _answers(detector: Detector, images: list[Image]) -> list[Detections]:
    """What the detector says. Everything it raises becomes DetectorError: its thread has to live on."""
    try:
        answers = detector.detect(images)
    except DetectorError:
        raise
    except Exception as error:
        raise DetectorError(f"the detector failed: {' '.join(str(error).split()) or type(error).__name__}") from error
    if len(answers) != len(images):
        raise DetectorError(f"the detector gave {len(answers)} answers for {len(images)} pictures")
    return answers
