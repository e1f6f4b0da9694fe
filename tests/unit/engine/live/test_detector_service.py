from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes import blank
from vedette.clock import SystemClock
from vedette.engine.live.detector_service import DetectorService
from vedette.model.detections import Detections
from vedette.model.errors import DetectorError
from vedette.model.labels import COCO
from vedette.model.media import Image

WAIT_S = 5.0


@dataclass
class Machine:
    """Answers with the shade of each picture as its score, takes `cost_s` a picture, and may be held."""

    cost_s: float = 0.0
    names: tuple[str, ...] = COCO
    input_size: tuple[int, int] = (416, 416)
    model: tuple[str, str] = ("machine", "")
    batches: list[list[int]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    breaks_on: Callable[[int], bool] = lambda shade: False  # noqa: ARG005

    def __post_init__(self) -> None:
        self.free.set()

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        shades = [int(image[0, 0, 0]) for image in images]
        self.batches.append(shades)
        self.free.wait(WAIT_S)
        time.sleep(self.cost_s * len(images))
        if any(map(self.breaks_on, shades)):
            raise RuntimeError("out of memory")
        return [Detections(np.zeros((1, 4)), np.array([shade / 255]), np.zeros(1, np.int64), COCO) for shade in shades]


@contextmanager
def serving(*machines: Machine, most: int = 4) -> Iterator[DetectorService]:
    service = DetectorService(machines, SystemClock(), most=most)
    try:
        yield service
    finally:
        for machine in machines:
            machine.free.set()
        service.close()


@contextmanager
def asking(service: DetectorService, camera: str, shades: Sequence[int], *, urgent: bool = True) -> Iterator[list[int]]:
    """Ask in a thread; the answers stand in the list once the block is left."""
    answers: list[int] = []
    detector = service.for_camera(camera)
    detector.hurry(urgent)

    def ask() -> None:
        found = detector.detect([blank(8, 8, shade) for shade in shades])
        answers.extend(round(float(one.score[0]) * 255) for one in found)

    before = service.figures()["waiting"]
    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: service.figures()["waiting"] > before)
    try:
        yield answers
    finally:
        thread.join(WAIT_S)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.001)


def held(service: DetectorService, machine: Machine) -> threading.Thread:
    """Keep the machine busy with a first picture until it is freed, so that others gather meanwhile."""
    machine.free.clear()

    def ask() -> None:
        with suppress(DetectorError):
            service.for_camera("first").detect([blank(8, 8, 1)])

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: machine.batches == [[1]])
    return thread


def test_answers_come_back_to_who_asked_in_order() -> None:
    machine = Machine()
    with serving(machine, most=3) as service:
        with asking(service, "a", [10, 20, 30, 40, 50]) as a:
            pass
        assert a == [10, 20, 30, 40, 50]
        assert service.for_camera("a").detect([]) == []
        assert service.for_camera("b").names == COCO
        assert service.for_camera("b").input_size == (416, 416)
        assert service.for_camera("b").model == ("machine", "")


def test_what_waits_from_several_cameras_is_one_batch() -> None:
    machine = Machine()
    with serving(machine) as service:
        first = held(service, machine)
        with asking(service, "a", [10]), asking(service, "b", [20]), asking(service, "c", [30]):
            machine.free.set()
        first.join(WAIT_S)
    assert machine.batches[1] == [10, 20, 30]


def test_who_asks_for_many_does_not_keep_others_waiting() -> None:
    machine = Machine()
    with serving(machine, most=2) as service:
        first = held(service, machine)
        with asking(service, "greedy", list(range(10, 20))) as many, asking(service, "modest", [99]) as one:
            machine.free.set()
        first.join(WAIT_S)
        assert machine.batches[1] == [10, 99]
        assert (many, one) == (list(range(10, 20)), [99])
        assert service.served == {"first": 1, "greedy": 10, "modest": 1}


def test_sweeps_wait_for_what_is_urgent() -> None:
    machine = Machine()
    with serving(machine, most=1) as service:
        first = held(service, machine)
        with asking(service, "idle", [50], urgent=False), asking(service, "busy", [60]):
            machine.free.set()
        first.join(WAIT_S)
    assert machine.batches[1:] == [[60], [50]]


def test_a_busy_camera_does_not_starve_the_others() -> None:
    """One asks without a pause for three pictures at a time, three others for one now and then."""
    machine, stop = Machine(cost_s=0.002), threading.Event()
    most_batches = dict.fromkeys("abc", 0.0)
    with serving(machine, most=4) as service:

        def greedy() -> None:
            while not stop.is_set():
                service.for_camera("greedy").detect([blank(8, 8)] * 12)

        def modest(name: str) -> None:
            detector = service.for_camera(name)
            for _ in range(20):
                before = service.figures()["batches"]
                detector.detect([blank(8, 8)])
                most_batches[name] = max(most_batches[name], service.figures()["batches"] - before)
                time.sleep(0.005)

        busy = [threading.Thread(target=greedy) for _ in range(3)]
        others = [threading.Thread(target=modest, args=(name,)) for name in most_batches]
        for thread in busy + others:
            thread.start()
        for thread in others:
            thread.join(WAIT_S)
        stop.set()
        for thread in busy:
            thread.join(WAIT_S)
        assert all(service.served[name] == 20 for name in most_batches)
    # Of the 36 pictures that the others wait for, which would be nine batches, hardly any come before.
    assert max(most_batches.values()) <= 6


def test_a_picture_that_breaks_the_detector_harms_nobody_else() -> None:
    machine = Machine(breaks_on=lambda shade: shade == 66)
    errors: list[str] = []
    with serving(machine) as service:
        first = held(service, machine)

        def bad() -> None:
            try:
                service.for_camera("bad").detect([blank(8, 8, 66)])
            except DetectorError as error:
                errors.append(str(error))

        thread = threading.Thread(target=bad)
        thread.start()
        until(lambda: service.figures()["waiting"] == 2)
        with asking(service, "good", [10, 20]) as good:
            machine.free.set()
        thread.join(WAIT_S)
        first.join(WAIT_S)
        assert good == [10, 20]
        assert errors == ["the detector failed: out of memory"]
        assert service.figures()["failures"] == 1


def test_trouble_is_told_until_it_is_over() -> None:
    broken = [True]
    machine = Machine(breaks_on=lambda shade: broken[0])  # noqa: ARG005
    with serving(machine) as service:
        with pytest.raises(DetectorError, match="out of memory"):
            service.for_camera("a").detect([blank(8, 8)])
        assert "out of memory" in service.trouble
        broken[0] = False
        service.for_camera("a").detect([blank(8, 8)])
        assert service.trouble == ""


def test_too_few_answers_are_a_failure() -> None:
    class Short(Machine):
        def detect(self, images: Sequence[Image]) -> list[Detections]:
            return super().detect(images)[1:]

    with serving(Short()) as service, pytest.raises(DetectorError, match="0 answers for 1 pictures"):
        service.for_camera("a").detect([blank(8, 8)])


def test_closing_wakes_who_waits() -> None:
    machine = Machine()
    errors: list[str] = []
    with serving(machine) as service:
        first = held(service, machine)

        def late() -> None:
            try:
                service.for_camera("late").detect([blank(8, 8, 2)])
            except DetectorError as error:
                errors.append(str(error))

        thread = threading.Thread(target=late)
        thread.start()
        until(lambda: service.figures()["waiting"] == 2)
        threading.Timer(0.05, machine.free.set).start()
        service.close()
        thread.join(WAIT_S)
        first.join(WAIT_S)
        assert errors == ["the detector has been stopped"]
        with pytest.raises(DetectorError, match="stopped"):
            service.for_camera("after").detect([blank(8, 8)])


def test_two_devices_work_at_once() -> None:
    one, two = Machine(), Machine()
    with serving(one, two, most=1) as service:
        one.free.clear()
        two.free.clear()
        with asking(service, "a", [10]), asking(service, "b", [20]):
            until(lambda: bool(one.batches) and bool(two.batches))
            one.free.set()
            two.free.set()
    assert sorted(one.batches + two.batches) == [[10], [20]]


def test_a_service_needs_a_detector() -> None:
    with pytest.raises(ValueError, match="needs a detector"):
        DetectorService([], SystemClock())
