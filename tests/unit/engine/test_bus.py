from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from vedette.engine.addresses import LONGEST, Addresses
from vedette.engine.bus import Publisher, Subscriber
from vedette.model.errors import BusError
from vedette.model.events import RuleEvent
from vedette.model.health import Alarm, Health
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.media import Codec, Packet
from vedette.model.news import (
    AlarmChanged,
    EventFound,
    FragmentWritten,
    GapChanged,
    HealthChanged,
    IncidentChanged,
    News,
    RunChanged,
    SegmentBegun,
    SegmentClosed,
    TracksSeen,
)
from vedette.model.recording import Fragment, Gap, Run, Segment
from vedette.model.time import Instant

CODEC = Codec("h264", b"\x00\x00\x00\x01\x67\xff\x80", 1920, 1080)
SOUND = Codec("aac", b"\x12\x10", rate=16000, channels=1)
PACKET = Packet("gate", "main", b"\x00\x01data\xff", Instant(40_000_000, 1_790_000_000_000_000_123), -7, True, CODEC)

Connect = Callable[..., tuple[Publisher, Subscriber]]


@pytest.fixture
def address(tmp_path: Path) -> str:
    return Addresses(tmp_path / "bus").recorder


@pytest.fixture
def connect(address: str) -> Iterator[Connect]:
    ends: list[Publisher | Subscriber] = []

    def make(high_water: int = 2000, **wanted: object) -> tuple[Publisher, Subscriber]:
        publisher = Publisher(address, high_water=high_water)
        ends.append(publisher)
        subscriber = Subscriber([address], high_water=high_water, **wanted)  # type: ignore[arg-type]
        ends.append(subscriber)
        settle(publisher, subscriber)
        return publisher, subscriber

    yield make
    for end in ends:
        end.close()


def settle(publisher: Publisher, subscriber: Subscriber) -> None:
    """Return once the subscriber hears the publisher and has nothing waiting."""
    mark = AlarmChanged(Alarm("camera_lost", "settle", "", 0))
    probes: list[Callable[[], None]] = [lambda: publisher.news(mark), lambda: publisher.packet(PACKET)]
    heard = False
    for _ in range(500):
        for probe in probes:
            probe()
        if subscriber.receive(0.01) is not None:
            heard = True
            break
    assert heard
    drain(subscriber)


def drain(subscriber: Subscriber) -> None:
    while subscriber.receive(0.1) is not None:
        pass


FRAGMENT = Fragment(100, 2000, 0, 1_000_000_000, 1_790_000_000_000_000_000, True, b"\xff\x00" * 16)
SEGMENT = Segment(
    (1 << 62) + 1, 5, "gate", "main", "uuid", "gate/main/2026-11-22/x.mp4", 1, 2, 3, 4, 5, b"\x80" * 32, 100,
    CODEC, SOUND, (FRAGMENT,),
)  # fmt: skip
EVENT = StoredEvent(
    7, "gate", 5,
    RuleEvent(
        "line", "abc", "crossed", Instant(1, 2), 3, Instant(4, 5), 6, "person", 0.75, "forward", "in",
        (0.5, 0.9), (0.1, 0.2, 0.3, 0.4), ((0.0, 0.5, 0.5),), 2.5,
    ),
    "alarm", 9,
)  # fmt: skip
INCIDENT = Incident(9, "gate", 1, 2, None, "alarm", ("line",), ("person",), 1)
EVERY_NEWS: list[News] = [
    SegmentBegun(replace(SEGMENT, fragments=(), audio=None)),
    FragmentWritten(1, "gate", "main", FRAGMENT),
    SegmentClosed(SEGMENT),
    RunChanged(Run(5, "gate", "main", 1), CODEC),
    GapChanged(Gap(1, "gate", "main", 1, None, "overload", 'it is "slow" \u202e <b>')),
    EventFound(EVENT, INCIDENT),
    EventFound(EVENT),
    IncidentChanged(INCIDENT),
    TracksSeen("gate", 5, 1, 2, ((1, "person", 0.1, 0.2, 0.3, 0.4),)),
    HealthChanged(Health("recorder", "ok", 1, "", {"fps": 25.0, "lag_s": float("inf")})),
    AlarmChanged(Alarm("storage_slow", "storage:x", "slow", 1, 2)),
]


@pytest.mark.parametrize("news", EVERY_NEWS, ids=lambda news: type(news).__name__)
def test_news_arrive_as_they_were_sent(connect: Connect, news: News) -> None:
    publisher, subscriber = connect()
    publisher.news(news)
    assert subscriber.receive(2.0) == news


def test_packets_arrive_as_they_were_sent_with_one_codec_object(connect: Connect) -> None:
    publisher, subscriber = connect(packets=True)
    sent = [replace(PACKET, number=number, key=number == 0, run=1 << 62) for number in range(3)]
    for packet in sent:
        publisher.packet(packet)
    got = [subscriber.receive(2.0) for _ in sent]
    assert got == sent
    codecs = [packet.codec for packet in got if isinstance(packet, Packet)]
    assert all(codec is codecs[0] for codec in codecs)


def test_late_joiner_gets_packets_from_the_next_keyframe_on(address: str) -> None:
    publisher = Publisher(address)
    early = Subscriber([address], packets=True, news=False)
    late = Subscriber([address], packets=True, news=False)
    try:
        settle(publisher, early)
        settle(publisher, late)
        drain(early)
        new = replace(CODEC, width=640)
        for number, key in enumerate((False, False, True, False)):
            publisher.packet(replace(PACKET, codec=new, key=key, number=number))
        for subscriber in (early, late):
            # Packets that cannot be read yet end a wait early.
            got = [subscriber.receive(0.2) for _ in range(5)]
            assert [packet.number for packet in got if isinstance(packet, Packet)] == [2, 3]
    finally:
        for end in (early, late, publisher):
            end.close()


def test_sound_brings_its_codec_with_every_packet(connect: Connect) -> None:
    publisher, subscriber = connect(packets=True)
    sent = replace(PACKET, codec=SOUND, key=False)
    publisher.packet(sent)
    assert subscriber.receive(2.0) == sent


def test_subscriber_gets_only_the_streams_it_asked_for(connect: Connect) -> None:
    publisher, subscriber = connect(packets=[("gate", "main")], news=False)
    for camera, stream in (("gate2", "main"), ("gat", "main"), ("gate", "mains"), ("gate", "sub"), ("gate", "main")):
        publisher.packet(replace(PACKET, camera=camera, stream=stream))
    publisher.news(EVERY_NEWS[0])
    got = subscriber.receive(2.0)
    assert isinstance(got, Packet)
    assert (got.camera, got.stream) == ("gate", "main")
    assert subscriber.receive(0.05) is None


def test_slow_subscriber_loses_packets_but_neither_news_nor_the_publishers_time(connect: Connect) -> None:
    publisher, subscriber = connect(high_water=20, packets=True)
    big = replace(PACKET, data=bytes(200_000))
    begun = time.monotonic()
    for number in range(2000):
        publisher.packet(replace(big, number=number))
    publisher.news(EVERY_NEWS[0])
    assert time.monotonic() - begun < 3.0
    numbers = []
    heard = False
    while (item := subscriber.receive(0.1)) is not None:
        if isinstance(item, Packet):
            numbers.append(item.number)
        heard = heard or item == EVERY_NEWS[0]
    assert heard
    assert 0 < len(numbers) < 1000
    assert numbers == sorted(numbers)


def test_publisher_speaks_to_nobody_and_from_many_threads(connect: Connect) -> None:
    publisher, subscriber = connect(packets=True)

    def speak(camera: str) -> None:
        for number in range(200):
            publisher.packet(replace(PACKET, camera=camera, number=number))

    threads = [threading.Thread(target=speak, args=(f"c{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    got: dict[str, list[int]] = {}
    while (item := subscriber.receive(0.2)) is not None:
        assert isinstance(item, Packet)
        got.setdefault(item.camera, []).append(item.number)
    for thread in threads:
        thread.join()
    assert got == {f"c{number}": list(range(200)) for number in range(4)}


def test_subscriber_hears_a_publisher_that_starts_again(address: str) -> None:
    subscriber = Subscriber([address])
    try:
        for _ in range(2):
            publisher = Publisher(address)
            settle(publisher, subscriber)
            publisher.close()
    finally:
        subscriber.close()


def test_second_publisher_at_the_same_place_is_refused(address: str) -> None:
    publisher = Publisher(address)
    try:
        with pytest.raises(BusError, match="stop it first"):
            Publisher(address)
    finally:
        publisher.close()
    Publisher(address).close()


def test_closed_ends_are_quiet(connect: Connect) -> None:
    publisher, subscriber = connect()
    subscriber.close()
    publisher.close()
    publisher.news(EVERY_NEWS[0])
    publisher.packet(PACKET)
    assert subscriber.receive(1.0) is None


def test_news_that_cannot_be_told_hurt_nobody(connect: Connect) -> None:
    publisher, subscriber = connect()
    publisher.news(AlarmChanged(Alarm("camera_lost", "x", "\ud800", 0)))
    publisher.news(EVERY_NEWS[0])
    assert subscriber.receive(2.0) == EVERY_NEWS[0]


@pytest.mark.parametrize(
    "parts",
    [
        [b"p/gate/main/", b"", b""],
        [b"p/gate/main/", bytes(60), b"x"],
        [b"p/gate/main/"],
        [b"p/gate/main/x/", bytes(60), b"x"],
        [b"p/\xff/", bytes(60), b"x"],
        [b"n/", b"RunChanged", b"[1]"],
        [b"n/", b"RunChanged", b"not json"],
        [b"n/", b"Unheard", b"[{}]"],
        [b"n/"],
    ],
)
def test_garbage_is_left_out(tmp_path: Path, parts: list[bytes]) -> None:
    address = f"ipc://{tmp_path}/x"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    speaker = context.socket(zmq.PUB)
    speaker.bind(address)
    subscriber = Subscriber([address], packets=True)
    good = [b"n/", b"TracksSeen", b'[{"camera":"a","run":1,"stream_ns":2,"utc_ns":3,"boxes":[]}]']
    try:
        for _ in range(200):
            speaker.send_multipart(parts)
            speaker.send_multipart(good)
            if (got := subscriber.receive(0.02)) is not None:
                break
        assert got == TracksSeen("a", 1, 2, 3, ())
    finally:
        subscriber.close()
        speaker.close(linger=0)
        context.term()


def test_arrivals_come_in_a_loop_that_goes_on_turning(connect: Connect) -> None:
    publisher, subscriber = connect(packets=True)

    async def listen() -> tuple[list[int], int]:
        numbers: list[int] = []
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.005)

        other = asyncio.create_task(count())

        def speak() -> None:
            for number in range(300):
                publisher.packet(replace(PACKET, number=number))
                if number % 50 == 0:
                    time.sleep(0.01)

        thread = threading.Thread(target=speak)
        thread.start()
        async for item in subscriber.arrivals():
            assert isinstance(item, Packet)
            numbers.append(item.number)
            if len(numbers) == 300:
                break
        other.cancel()
        thread.join()
        return numbers, turns

    numbers, turns = asyncio.run(asyncio.wait_for(listen(), 20))
    assert numbers == list(range(300))
    assert turns > 3


def test_arrivals_end_with_the_close(connect: Connect) -> None:
    _, subscriber = connect()

    async def listen() -> None:
        asyncio.get_running_loop().call_later(0.05, subscriber.close)
        async for _ in subscriber.arrivals():
            raise AssertionError

    asyncio.run(asyncio.wait_for(listen(), 5))


def test_arrivals_can_be_cancelled_and_asked_again(connect: Connect) -> None:
    publisher, subscriber = connect()

    async def listen() -> News | Packet:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscriber.arrivals()), 0.05)
        publisher.news(EVERY_NEWS[0])
        async for item in subscriber.arrivals():
            return item
        raise AssertionError

    assert asyncio.run(asyncio.wait_for(listen(), 5)) == EVERY_NEWS[0]


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "bus"
    folder.mkdir(mode=0o755)
    Publisher(Addresses(folder).recorder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "bus").symlink_to(tmp_path / "real")
    with pytest.raises(BusError, match="belongs to somebody else"):
        Publisher(Addresses(tmp_path / "bus").recorder)


def test_long_paths_get_a_short_folder_that_is_the_same_every_time(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 5)
    first, second, other = Addresses(deep), Addresses(deep), Addresses(deep / "x")
    assert first.recorder == second.recorder != other.recorder
    assert len(os.fsencode(first.recorder.removeprefix("ipc://"))) <= LONGEST
    publisher = Publisher(first.recorder)
    publisher.close()
    for left in first.folder.iterdir():
        left.unlink()
    first.folder.rmdir()


def test_no_place_short_enough_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 5)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(deep))
    with pytest.raises(BusError, match="shorter path"):
        Addresses(deep)


def test_addresses_differ(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path)
    assert len({addresses.recorder, addresses.analyzer, addresses.server, addresses.supervisor}) == 4
